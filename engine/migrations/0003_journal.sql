-- One row per run of an engine. A commit holds a share lock on its row, so that ending it fences the run.
create table incarnation (
    incarnation integer generated always as identity primary key,
    started_at timestamptz not null default now(),
    -- Set by a later engine; from then on no commit of this one succeeds.
    ended_at timestamptz,
    -- Set once every input of this run is contained in snapshots: its journal is not needed to start.
    replayed_at timestamptz,
    version text not null,
    host text not null
);

-- Catalogues as they were, whole, by content hash: replay runs each input under the set it first ran under.
create table rule_set (
    hash bytea primary key check (length(hash) = 32),
    -- zstd of the canonical file list.
    body bytea not null,
    created_at timestamptz not null default now()
);

-- The lanes' inputs in canonical form: one row per committed batch.
create table journal (
    -- UTC day of the commit; the partition key.
    day date not null,
    incarnation integer not null,
    lane smallint not null,
    -- Contiguous from 1 within (incarnation, lane).
    n bigint not null,
    -- Every change up to this batch of the lane is contained in snapshots.
    horizon bigint not null,
    received_from timestamptz not null,
    received_to timestamptz not null,
    rule_set_hash bytea not null,
    -- Layout version of `inputs`.
    layout smallint not null,
    input_count integer not null,
    -- zstd of the encoded inputs.
    inputs bytea not null,
    -- CRC-32 of `inputs` as stored.
    checksum bigint not null,
    -- Pairs (input index, hash of what it decided) of the inputs that decided something, encoded.
    decisions bytea not null,
    primary key (day, incarnation, lane, n)
) partition by range (day);

-- State of a vehicle after the input at (incarnation, lane, n, input_index).
create table vehicle_snapshot (
    vehicle_id text primary key,
    incarnation integer not null,
    lane smallint not null,
    n bigint not null,
    input_index integer not null,
    -- Layout version of `state`; an unknown one refuses to start.
    layout smallint not null,
    -- Rule set that the slots and rule states refer to.
    rule_set_hash bytea not null,
    state bytea not null
);

-- Everything refused, with enough to find out why; excerpts are redacted.
create table rejection (
    rejection_id bigint generated always as identity primary key,
    received_at timestamptz not null,
    -- As claimed; null where none could be read.
    vehicle_id text,
    reason text not null,
    -- What exactly, such as a signal's path.
    detail text,
    size integer not null,
    sha256 bytea,
    excerpt text,
    stream numeric,
    seq numeric
);
create index rejection_by_time on rejection (received_at);
create index rejection_by_vehicle on rejection (vehicle_id, received_at);

-- Which kind of store `sample` was installed on; never switched silently.
create table store_tier (
    only_row boolean primary key default true check (only_row),
    tier text not null check (tier in ('native', 'timescale_apache', 'timescale'))
);
