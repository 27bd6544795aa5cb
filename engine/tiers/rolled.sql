-- Tiers `native` and `timescale_apache`: readings by the hour, rolled up by our own scheduler.
create table sample_hour_rolled (
    vehicle_id text not null,
    signal smallint not null,
    -- Start of the hour, UTC.
    hour timestamptz not null,
    readings bigint not null,
    lowest double precision not null,
    highest double precision not null,
    total double precision not null,
    primary key (vehicle_id, signal, hour)
);

-- How far the roll-up is: every hour before `watermark` is rolled, from rows received up to `received_to`.
create table sample_rollup (
    only_row boolean primary key default true check (only_row),
    watermark timestamptz not null,
    received_to timestamptz not null
);
insert into sample_rollup (watermark, received_to) values ('-infinity', '-infinity');

-- The one name that charts read: what is rolled, and what is not yet, aggregated as it is read.
create view sample_hour as
select vehicle_id, signal, hour, readings, lowest, highest, total
from sample_hour_rolled
where hour < (select watermark from sample_rollup)
union all
select vehicle_id, signal, date_bin('1 hour', measured_at, 'epoch') as hour,
    count(*) as readings, min(value) as lowest, max(value) as highest, sum(value) as total
from sample
where measured_at >= (select watermark from sample_rollup) and flags & 1 = 0
group by vehicle_id, signal, date_bin('1 hour', measured_at, 'epoch');

grant select, insert, update, delete on sample_hour_rolled, sample_rollup to premend_engine;
