-- Steps of the system's clock that an engine has taken over, added up over all runs, in microseconds. Every commit reads
-- it with the lock that it holds on its run: what was decided before a step is moved by it before it is written.
alter table incarnation add column corrected_us bigint not null default 0;

-- What the time was a moment ago, for the next start: on the same boot the machine's monotonic clock tells how long
-- that was, whatever its wall clock shows meanwhile. One row.
create table clock_state (
    only_row boolean primary key default true check (only_row),
    -- The kernel's id of the boot that `uptime_us` counts from.
    boot text not null,
    uptime_us bigint not null,
    told_at timestamptz not null
);
grant select, insert, update on clock_state to premend_engine;

-- Every step that was taken over.
create table clock_step (
    clock_step_id bigint generated always as identity primary key,
    -- The time told before and after it.
    told_before timestamptz not null,
    told_after timestamptz not null
);
grant select, insert on clock_step to premend_engine;
