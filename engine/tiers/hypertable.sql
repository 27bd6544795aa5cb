-- Tiers `timescale_apache` and `timescale`: readings for charts in a hypertable, one chunk per day.
-- Same table and columns as in the native tier. The default index on time alone costs a third of the
-- write rate and serves nobody.
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
);
select create_hypertable('sample', by_range('measured_at', interval '1 day'), create_default_indexes => false);
