-- A dealer's day for tests of the console: what lanes and relay would have written. Times are relative to now.
-- Vehicles, owners and accounts are crm::seed's; v-1 to v-3 are the first dealer's but v-3.
set role premend_engine;

create temporary table demo_case (
    n integer primary key, vehicle_id text, component text, severity smallint, rule_key text,
    opened interval, confidence double precision, evidence jsonb, zh text, en text);

insert into demo_case values
    (1, 'v-1', 'engine.cooling', 1, 'coolant_overheat', '14 minutes', 0.97,
     '{"signals": [{"no": 12, "path": ""}, {"no": 2, "path": ""}], "limit": 115, "value": 118.4, "odometer_km": 48211}',
     '冷却液温度已超过 115 °C 达 60 秒,现为 118.4 °C。', 'Coolant has been above 115 °C for 60 s and is now at 118.4 °C.'),
    (2, 'v-1', 'service.oil', 3, 'service_oil', '9 days', 0.95,
     '{"signals": [{"no": 1, "path": ""}], "odometer_km": 47606}',
     '机油保养预计 12 天后到期(还有约 640 公里)。', 'The oil service is due in about 12 days (some 640 km left).'),
    (3, 'v-2', 'electrics.battery12v', 2, 'battery12v_rest', '20 hours', 0.78,
     '{"signals": [{"no": 16, "path": ""}, {"no": 20, "path": ""}], "limit": 12.2, "value": 12.07, "odometer_km": 31034}',
     '12 V 蓄电池静置电压连续 3 天低于 12.2 V,最低 12.07 V。', 'The 12 V battery rested below 12.2 V on 3 days in a row, lowest 12.07 V.'),
    (4, 'v-2', 'chassis.tyre.Row2.Wheel.Left', 2, 'tyre_leak_fast', '3 hours', 0.88,
     '{"signals": [{"no": 23, "path": ""}], "limit": 190, "value": 184.0, "odometer_km": 31061}',
     '左后轮胎每小时漏气约 6 kPa,现为 184 kPa。', 'The rear left tyre loses about 6 kPa an hour and is at 184 kPa.'),
    (5, 'v-4', 'engine.ignition', 2, 'fault_code', '2 days', 0.81,
     '{"faults": [{"code": "P0301", "ecu": "7E8", "status": 175, "first_at": 0, "at": 0}, {"code": "P0420", "ecu": "7E8", "status": 36, "first_at": 0, "at": 0}], "odometer_km": 66120}',
     'P0301 已确认:1 缸失火,近 10 次行程出现 4 次。', 'P0301 is confirmed: cylinder 1 misfires, seen in 4 of the last 10 trips.'),
    (6, 'v-5', 'traction.insulation', 2, 'insulation_decay', '5 hours', 0.46,
     '{"signals": [{"no": 45, "path": ""}], "limit": 500, "value": 412, "odometer_km": 20411}',
     '绝缘电阻两周内由 2100 kΩ 降至 412 kΩ。', 'Insulation fell from 2100 kΩ to 412 kΩ within two weeks.'),
    (7, 'v-7', 'engine.fuel_air', 3, 'fuel_trim_drift', '30 hours', 0.52,
     '{"signals": [{"no": 59, "path": ""}], "limit": 12, "value": 13.5}',
     '长期燃油修正持续偏高,现为 13.5 %。', 'The long-term fuel trim keeps rising and is at 13.5 %.'),
    (8, 'v-8', 'engine.oil', 1, 'oil_pressure_low', '4 minutes', 0.93,
     '{"signals": [{"no": 10, "path": ""}, {"no": 6, "path": ""}], "limit": 80, "value": 52, "odometer_km": 90122}',
     '热机转速高于 1500 rpm 时机油压力仅 52 kPa。', 'Oil pressure is 52 kPa above 1500 rpm with a warm engine.'),
    (9, 'v-7', 'service.inspection', 3, 'service_inspection', '26 days', 0.95, '{}',
     '年度检查已到期。', 'The yearly inspection is due.'),
    (10, 'v-3', 'chassis.brake_fluid', 2, 'brake_fluid_low', '6 hours', 0.9,
     '{"signals": [{"no": 33, "path": ""}], "limit": 30, "value": 26}',
     '制动液液位低于 30 %,现为 26 %。', 'Brake fluid is below 30 %, now at 26 %.');

insert into vehicle_case
select md5('case ' || n)::uuid, c.vehicle_id, v.dealer_id, component, 1, 'live', severity, 'open', rule_key, 3,
       now() - opened, null, now() - opened + interval '3 seconds', confidence
from demo_case c join vehicle v using (vehicle_id)
union all
select md5('past ' || vehicle_id)::uuid, vehicle_id, dealer_id, 'electrics.charging', 1, 'live', 2, 'closed',
       'charging_low', 2, now() - interval '95 days', now() - interval '88 days', now() - interval '95 days', 0.8
from vehicle where vehicle_id in ('v-1', 'v-2');

insert into finding
select md5('case ' || n)::uuid, 0, v.dealer_id, rule_key, 3, '', severity, 'open', now() - opened, null,
       evidence || jsonb_build_object(
           'since', (extract(epoch from now() - opened - interval '1 minute') * 1e6)::bigint,
           'readings', coalesce((select jsonb_agg(jsonb_build_object('signal', s -> 'no',
                'at', (extract(epoch from now() - opened) * 1e6)::bigint,
                'value', case when ord = 1 then coalesce((evidence ->> 'value')::float8, 0) else 62 end))
                from jsonb_array_elements(evidence -> 'signals') with ordinality as e (s, ord)), '[]'),
           'faults', coalesce((select jsonb_agg(f || jsonb_build_object(
                'first_at', (extract(epoch from now() - opened - interval '5 days') * 1e6)::bigint,
                'at', (extract(epoch from now() - opened) * 1e6)::bigint))
                from jsonb_array_elements(evidence -> 'faults') f), '[]')),
       jsonb_build_object('zh-CN', zh, 'en', en), null
from demo_case c join vehicle v using (vehicle_id);

insert into case_change
select md5('case ' || n)::uuid, 1, v.dealer_id, 'open', now() - opened, now() - opened + interval '3 seconds', en
from demo_case c join vehicle v using (vehicle_id)
union all
select md5('case 5')::uuid, 2, v.dealer_id, 'escalate', now() - interval '1 day', now() - interval '1 day',
       'third recurrence within 10 trips'
from vehicle v where vehicle_id = 'v-4';

insert into review
select md5('case ' || n)::uuid, v.dealer_id, c.vehicle_id, severity,
       'confidence ' || confidence || ' below 0.60', now() - opened, 'waiting'
from demo_case c join vehicle v using (vehicle_id) where n in (6, 7);

create temporary table demo_order (key text, vehicle_id text, state text, severity smallint, due interval, opened interval, cases integer[]);
insert into demo_order values
    ('a', 'v-1', 'contacted', 1, '20 minutes', '14 minutes', '{1}'),
    ('b', 'v-1', 'proposed', 3, '12 days', '9 days', '{2}'),
    ('c', 'v-2', 'proposed', 2, '2 days', '20 hours', '{4,3}'),
    ('d', 'v-4', 'in_progress', 2, '-3 hours', '2 days', '{5}'),
    ('e', 'v-7', 'booked', 3, '4 days', '26 days', '{9}'),
    ('f', 'v-3', 'proposed', 2, '2 days', '6 hours', '{10}');

insert into work_order (order_id, vehicle_id, dealer_id, visit, state, severity, due_at, opened_at, flagged_because,
                        appointment_at, odometer_km)
select md5('order ' || key)::uuid, o.vehicle_id, dealer_id, ascii(key), state, severity, now() + due, now() - opened,
       case when key = 'e' then 'a finding on this order was withdrawn: air filter' end,
       case when key = 'e' then date_trunc('hour', now()) + interval '1 day' end,
       case when key = 'd' then 66120 end
from demo_order o join vehicle using (vehicle_id) order by key;

insert into work_order_line
select md5('order ' || key)::uuid, md5('case ' || n)::uuid, v.dealer_id, component, c.severity,
       case component when 'engine.cooling' then '{roadside,diagnose_cooling}' when 'service.oil' then '{service_oil}'
            when 'electrics.battery12v' then '{test_battery_12v,replace_battery_12v}' when 'engine.ignition' then '{diagnose_misfire}'
            when 'service.inspection' then '{service_inspection}' when 'chassis.brake_fluid' then '{diagnose_brakes}'
            else '{inspect_tyre,repair_tyre}' end::text[],
       case component when 'engine.cooling' then '{coolant,thermostat,water_pump}' when 'service.oil' then '{engine_oil,oil_filter}'
            when 'electrics.battery12v' then '{battery_12v}' when 'engine.ignition' then '{spark_plugs,ignition_coil}'
            else '{}' end::text[],
       0.8, key = 'd' and c.severity = 3, 'open'
from demo_order o cross join unnest(cases) as n join demo_case c using (n) join vehicle v on v.vehicle_id = o.vehicle_id;

insert into work_order_transition (order_id, transition_no, dealer_id, from_state, to_state, moved_at, moved_by, because)
select md5('order ' || key)::uuid, 1, dealer_id, null::text, 'proposed', now() - opened, null::uuid, 'probability above 0.60'
from demo_order o join vehicle using (vehicle_id)
union all
select md5('order a')::uuid, t.no, dealer_id, t.f, t.t, now() - t.ago, null::uuid, t.why
from vehicle, (values (2, 'proposed', 'triaged', interval '12 minutes', ''),
                      (3, 'triaged', 'contacted', interval '9 minutes', 'owner pulled over, tow truck on its way')) as t (no, f, t, ago, why)
where vehicle_id = 'v-1';

insert into notification (notification_id, vehicle_id, dealer_id, person_id, case_id, order_id, stage, severity,
                          template, template_version, locale, variables, created_at, valid_until, seen_at)
select md5('notice ' || n)::uuid, c.vehicle_id, v.dealer_id, null, md5('case ' || n)::uuid, null,
       case severity when 1 then 'stop_now' else 'opened' end, severity, rule_key, 1, 'zh-CN', '{}', now() - opened,
       now() + interval '1 day', case when n = 1 then now() - opened + interval '20 seconds' end
from demo_case c join vehicle v using (vehicle_id) where n in (1, 2, 3, 4);

insert into outbox
select md5('outbox ' || n || channel)::uuid, md5('notice ' || n)::uuid, v.dealer_id, channel,
       case when n = 3 and channel = 'in_car' then 'queued' else 'delivered' end, now() - opened, null, 1, null
from demo_case c join vehicle v using (vehicle_id) cross join (values ('in_car'), ('console')) as ch (channel)
where n in (1, 2, 3, 4);

insert into attempt
select outbox_id, 1, dealer_id, now() - interval '1 hour', now() - interval '1 hour', 'delivered', null
from outbox where state = 'delivered';

insert into console_message
select md5('message ' || n)::uuid, v.dealer_id, c.vehicle_id, md5('case ' || n)::uuid, o.order_id, c.severity,
       jsonb_build_object('zh-CN', case c.severity when 1 then '立即停车通知已发送' else '新工单' end,
                          'en', case c.severity when 1 then 'Stop-now notice sent' else 'New work order' end),
       jsonb_build_object('zh-CN', zh, 'en', en), now() - opened, case when n in (2, 9) then now() end
from demo_case c join vehicle v using (vehicle_id)
left join work_order_line l on l.case_id = md5('case ' || n)::uuid
left join work_order o using (order_id)
where n in (1, 2, 3, 4, 8, 9);

insert into rejection (received_at, vehicle_id, reason, detail, size)
select now() - i * interval '7 hours', 'v-1', case when i % 3 = 0 then 'duplicate' else 'out_of_range' end,
       case when i % 3 = 0 then null else 'Vehicle.Speed' end, 230
from generate_series(1, 9) i;
insert into rejection (received_at, vehicle_id, reason, size) values (now(), null, 'unreadable', 99), (now(), 'v-3', 'late', 230);

-- Readings: two trips a day over a fortnight, one sample a minute; and the minutes before the S1 cases.
insert into sample
select v.vehicle_id, s.signal, t.at, t.at + interval '1 second', s.base + s.swing * sin(extract(epoch from t.at) / s.period) + s.noise * (random() - 0.5)
       + s.drift * extract(epoch from t.at - now()) / 86400, 0
from vehicle v
cross join lateral (
    select now() - d * interval '1 day' - h * interval '1 hour' - m * interval '1 minute' as at
    from generate_series(0, 14) d, unnest('{2,10}'::int[]) h, generate_series(0, 38) m) t
join (values (1, 'all', 0, 0, 1.0, 0, 0), (12, 'ice', 90, 3, 400, 1.5, 0), (16, 'all', 13.9, 0.15, 700, 0.1, 0), (10, 'ice', 320, 60, 300, 25, 0),
             (21, 'all', 235, 4, 30000, 1, 0), (22, 'all', 236, 4, 30000, 1, 0), (23, 'all', 234, 4, 30000, 1, 0), (24, 'all', 233, 4, 30000, 1, 0),
             (35, 'bev', 62, 22, 40000, 1, 0), (43, 'bev', 29, 4, 20000, 0.6, 0), (45, 'bev', 640, 0, 1.0, 60, -110), (2, 'all', 62, 28, 500, 12, 0),
             (20, 'all', 9, 5, 13000, 0.5, 0), (59, 'ice', 13, 0, 1.0, 1.2, 0.9), (33, 'all', 27, 0, 1.0, 0.6, -1.1))
     as s (signal, kind, base, swing, period, noise, drift)
     on s.kind = 'all' or s.kind = v.powertrain
where s.signal <> 1;

insert into sample
select v.vehicle_id, 1, t.at, t.at, (48211000 - 22000 * extract(epoch from now() - t.at) / 86400), 0
from vehicle v cross join lateral (select now() - i * interval '3 hours' as at from generate_series(0, 110) i) t;

delete from sample where (vehicle_id, signal) in (('v-1', 12), ('v-8', 10), ('v-2', 23)) and measured_at > now() - interval '2 hours 45 minutes';
insert into sample
select 'v-1', 12, now() - i * interval '10 seconds', now(), case when i < 84 + 36 then 118.6 - 28 * ((greatest(i - 84, 0)) / 36.0) ^ 1.6 + random() else 90 + random() * 1.5 end, 0
from generate_series(0, 330) i where i not between 180 and 215;
insert into sample
select 'v-8', 10, now() - i * interval '5 seconds', now(), case when i < 60 then 50 + random() * 8 else 300 - 70 * sin(i / 9.0) + random() * 14 end, 0
from generate_series(0, 500) i;
insert into sample
select 'v-8', 6, now() - i * interval '5 seconds', now(), 2100 + 700 * sin(i / 9.0) + random() * 90, 0 from generate_series(0, 500) i;
insert into sample
select 'v-2', 23, now() - i * interval '5 minutes', now(), 233 - greatest(0, (90 - i)) * 0.55 + random(), 0 from generate_series(0, 220) i;
insert into sample
select 'v-2', 16, now() - interval '20 hours' - i * interval '8 hours', now(), 12.62 - 0.55 * exp(-i / 12.0) + random() * 0.05, 0 from generate_series(0, 80) i;
delete from sample where vehicle_id = 'v-2' and signal = 16 and value > 13;

reset role;
