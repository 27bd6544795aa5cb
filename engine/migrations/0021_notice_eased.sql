-- A stop-now notice of a peek may run ahead of its case, which then still is the milder one it was. So milder than
-- the notice alone does not mean eased: the case must have eased since the notice was written.
create or replace view notification_standing with (security_invoker = true) as
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
    ) as consent_until,
    coalesce(vehicle_case.severity > notification.severity, false) and exists (
        select from case_change
        where case_change.case_id = notification.case_id and case_change.kind = 'ease'
          and case_change.received_at >= notification.created_at
    ) as case_eased
from notification
left join vehicle_case using (case_id)
left join work_order using (order_id);
