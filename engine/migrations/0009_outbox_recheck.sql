-- What the relay must know at the moment it sends, and what it writes down while it does.

-- Purpose of the rule behind the notice: without a live consent for it, nobody is contacted.
alter table notification add column purpose text not null default 'diagnostics'
    check (purpose in ('maintenance', 'diagnostics', 'marketing'));
-- The live notices: those that may have to be repeated or taken back.
create index notification_by_validity on notification (valid_until);
create index notification_by_case on notification (case_id);
create index notification_by_person on notification (person_id, created_at) where person_id is not null;

-- When the entry took its place in the person's contact budget; the product's clock, set once.
alter table outbox add column budgeted_at timestamptz;
-- When a delivered notice was taken back because its matter is gone.
alter table outbox add column withdrawn_at timestamptz;
create index outbox_by_notification on outbox (notification_id);

-- A matter that ends cancels what is queued about it and takes back what was delivered.
create function matter_ended() returns trigger language plpgsql as $$
begin
    perform pg_notify('premend_outbox', '');
    return null;
end
$$;
create trigger matter_ended after update of status on vehicle_case
    for each row when (old.status is distinct from new.status) execute function matter_ended();
create trigger matter_ended after update of state on work_order
    for each row when (old.state is distinct from new.state) execute function matter_ended();
create trigger matter_ended after update of withdrawn_at on consent
    for each row when (old.withdrawn_at is distinct from new.withdrawn_at) execute function matter_ended();
create trigger matter_ended after update of valid_to on vehicle_role
    for each row when (old.valid_to is distinct from new.valid_to) execute function matter_ended();

-- Read at every scrape: what waits and what was given up.
create index outbox_open on outbox (channel, state, not_before) where state in ('queued', 'parked');

-- How things stand behind a notice right now; the caller compares the two `until` with its clock.
create view notification_standing with (security_invoker = true) as
select notification.notification_id,
    vehicle_case.status as case_status,
    vehicle_case.severity as case_severity,
    work_order.state as order_state,
    -- Somebody was to be told that it is over; a stop-now of a peek may never have got a case.
    exists (
        select from notification over
        where over.case_id = notification.case_id and over.stage = 'resolved'
    ) as resolved,
    -- How long the addressee still has the role; a car always is the car.
    case when notification.person_id is null then 'infinity'::timestamptz else (
        select max(coalesce(vehicle_role.valid_to, 'infinity'))
        from vehicle_role
        where vehicle_role.vehicle_id = notification.vehicle_id
          and vehicle_role.person_id = notification.person_id
          and vehicle_role.role in ('owner', 'fleet')
    ) end as role_until,
    -- The addressee's consent; for a notice to the car, its owner's.
    (
        select max(coalesce(consent.expires_at, 'infinity'))
        from consent
        where consent.vehicle_id = notification.vehicle_id
          and consent.purpose = notification.purpose
          and consent.withdrawn_at is null
          and consent.person_id = coalesce(notification.person_id, (
              select owner.person_id from vehicle_role owner
              where owner.vehicle_id = notification.vehicle_id and owner.role = 'owner' and owner.valid_to is null
          ))
    ) as consent_until
from notification
left join vehicle_case using (case_id)
left join work_order using (order_id);
grant select on notification_standing to premend_engine;
