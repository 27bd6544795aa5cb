-- Early warning: what cohorts are made of, which vehicle-days are exposure, and the campaigns that are proposed.

-- Day of production; null while unknown. Its month is the vehicle's batch.
alter table vehicle add column produced_on date;

-- Which software a vehicle has run, and since when; what ran last is what runs. A fault counts for the software that
-- ran on its day, or the cars that were given the mended version would speak against it.
create table vehicle_software (
    vehicle_id text not null references vehicle on delete cascade,
    dealer_id uuid not null references dealer,
    version text not null check (version <> ''),
    since date not null,
    primary key (vehicle_id, since)
);
alter table vehicle_software enable row level security;
alter table vehicle_software force row level security;
create policy engine on vehicle_software to premend_engine using (true) with check (true);
create policy console on vehicle_software to premend_console
    using (visible_dealer(dealer_id)) with check (visible_dealer(dealer_id));
grant select, insert, update, delete on vehicle_software to premend_engine;
grant select, insert, update on vehicle_software to premend_console;

-- Whether the vehicle itself said anything: a parked car's timers and what people do to it are inputs too.
alter table vehicle_day add column heard boolean not null default true;

-- Cohorts of vehicles that have a fault more often than they should.
create table campaign_proposal (
    campaign_proposal_id bigint generated always as identity primary key,
    model text not null,
    -- Null: any.
    software text,
    -- Month of production, such as 2025-04; null: any.
    batch text,
    component text not null,
    -- The last day that was looked at, the days up to it in which the rise shows, and the vehicles with the fault.
    looked_at date not null,
    window_days integer not null,
    faults integer not null,
    -- Heard within the longest window.
    vehicles integer not null,
    expected double precision not null,
    -- How many times as many as expected, with its interval of 95 %; no upper bound where the reference saw none.
    ratio double precision not null,
    ratio_lower double precision not null,
    ratio_upper double precision,
    -- The share of false discoveries at which this would still be one.
    q_value double precision not null,
    -- Change point.
    since date not null,
    -- The newest first: [{"faults": 3, "vehicle_days": 812}, ...], each of the seven days before the one before it.
    weeks jsonb not null,
    state text not null check (state in ('proposed', 'accepted', 'dismissed')),
    proposed_at timestamptz not null,
    decided_by text,
    decided_at timestamptz,
    reason text,
    constraint a_decision_has_its_person check (
        (state = 'proposed') = (decided_at is null) and (decided_at is null) = (decided_by is null)),
    constraint a_dismissal_has_its_reason check (state <> 'dismissed' or coalesce(reason, '') <> '')
);
create unique index one_open_proposal_per_cohort_and_component
    on campaign_proposal (model, coalesce(software, ''), coalesce(batch, ''), component) where state = 'proposed';

-- It tells of all dealers' vehicles: only the manufacturer's people see it.
alter table campaign_proposal enable row level security;
alter table campaign_proposal force row level security;
create policy engine on campaign_proposal to premend_engine using (true) with check (true);
create policy oem on campaign_proposal to premend_console
    using (current_setting('premend.dealer_id', true) = '*');
grant select, insert, update on campaign_proposal to premend_engine;
grant select, update (state, decided_by, decided_at, reason) on campaign_proposal to premend_console;
grant usage on all sequences in schema public to premend_engine;

-- The cases of a window, whatever became of them.
create index vehicle_case_live_by_receipt on vehicle_case (opened_received_at) where mode = 'live';
