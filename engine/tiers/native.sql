-- Tier `native`: readings for charts in range partitions by UTC day.
-- No primary key: dedupe comes before, and COPY without one is twice as fast.
create table sample (
    vehicle_id text not null,
    -- Number of the signal in the catalogue.
    signal smallint not null,
    measured_at timestamptz not null,
    received_at timestamptz not null,
    -- In the catalogue's unit.
    value double precision not null,
    -- Bit 0: suspect. Bit 1: late.
    flags smallint not null default 0
) partition by range (measured_at);
create table sample_default partition of sample default;
