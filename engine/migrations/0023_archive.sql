-- What the journal said, by vehicle: a journal row holds a batch of many vehicles and lives 72 h, a vehicle-day
-- holds one vehicle's inputs of a day and lives as long as somebody may ask why (retention.archive).
-- A day grows in parts, because the archive follows the journal by the hour; most vehicles have few a day.
create table vehicle_day (
    -- UTC day of the commit, as in the journal.
    day date not null,
    vehicle_id text not null,
    -- From 0 within the day.
    part integer not null,
    received_from timestamptz not null,
    received_to timestamptz not null,
    -- Layout version of `inputs`, as in the journal.
    layout smallint not null,
    input_count integer not null,
    -- zstd of the encoded inputs.
    inputs bytea not null,
    -- CRC-32 of `inputs` as stored.
    checksum bigint not null,
    -- Which rule set each run of inputs ran under: (hash, how many), encoded.
    runs bytea not null,
    -- The state before the first input of the day; only part 0 has it, and not that of the vehicle's first day.
    checkpoint bytea,
    checkpoint_layout smallint,
    checkpoint_rule_set bytea,
    primary key (day, vehicle_id, part),
    check ((checkpoint is null) = (checkpoint_layout is null) and (checkpoint is null) = (checkpoint_rule_set is null))
) partition by range (day);
create table vehicle_day_default partition of vehicle_day default;
create index vehicle_day_by_vehicle on vehicle_day (vehicle_id, day);

-- The state after the last archived input: where the next part begins.
create table archive_head (
    vehicle_id text primary key,
    received_to timestamptz not null,
    -- Day and number of its last part.
    day date not null,
    part integer not null,
    layout smallint not null,
    rule_set_hash bytea not null,
    state bytea not null
);

-- How far the journal of each lane of each run is archived.
create table archive_progress (
    incarnation integer not null references incarnation,
    lane smallint not null,
    n bigint not null,
    primary key (incarnation, lane)
);

-- Set once the whole journal of a run that ended is archived.
alter table incarnation add column archived_at timestamptz;

-- Vehicles whose state and archive were erased, with the batch that did it: what the journal still has of
-- them up to there is passed over, and goes with its partition.
create table erased_vehicle (
    vehicle_id text primary key,
    erased_at timestamptz not null,
    incarnation integer not null,
    lane smallint not null,
    n bigint not null
);

grant select, insert, update, delete on vehicle_day, archive_head, archive_progress, erased_vehicle to premend_engine;
