-- Tier `timescale`: the server compresses and rolls up; retention stays with our scheduler, because its
-- days are those of the product's clock.
alter table sample set (timescaledb.enable_columnstore, timescaledb.segmentby = 'vehicle_id', timescaledb.orderby = 'measured_at');
call add_columnstore_policy('sample', after => interval '7 days');

create materialized view sample_hour_rolled
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select vehicle_id, signal, time_bucket('1 hour', measured_at) as hour,
    count(*) as readings, min(value) as lowest, max(value) as highest, sum(value) as total
from sample
where flags & 1 = 0
group by vehicle_id, signal, time_bucket('1 hour', measured_at)
with no data;
select add_continuous_aggregate_policy('sample_hour_rolled',
    start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '30 minutes');

-- The one name that charts read.
create view sample_hour as
select vehicle_id, signal, hour, readings, lowest, highest, total from sample_hour_rolled;
