-- All tiers. What the console may see of readings: those of the vehicles of its dealer. Row-level security
-- on `sample` itself would forbid COPY, so the console has no right on it and reads these.
create view vehicle_sample with (security_barrier) as
select s.vehicle_id, s.signal, s.measured_at, s.received_at, s.value, s.flags
from sample s join vehicle v on v.vehicle_id = s.vehicle_id
where visible_dealer(v.dealer_id);

create view vehicle_sample_hour with (security_barrier) as
select s.vehicle_id, s.signal, s.hour, s.readings, s.lowest, s.highest, s.total
from sample_hour s join vehicle v on v.vehicle_id = s.vehicle_id
where visible_dealer(v.dealer_id);

grant select on sample_hour to premend_engine;
grant select on vehicle_sample, vehicle_sample_hour to premend_console;
