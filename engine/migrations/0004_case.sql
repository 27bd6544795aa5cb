-- A case: the findings of one component of one vehicle while they last. Only lanes write here.
create table vehicle_case (
    -- v5(vehicle, component, episode), for shadow cases also the rule and its version.
    case_id uuid primary key,
    vehicle_id text not null,
    dealer_id uuid not null references dealer,
    component text not null,
    episode integer not null,
    mode text not null check (mode in ('live', 'shadow', 'canary')),
    -- Worst open finding; 1 is stop now.
    severity smallint not null check (severity between 1 and 4),
    status text not null check (status in ('open', 'closed', 'withdrawn')),
    -- The rule of the worst finding, as of the last change.
    rule_key text not null,
    rule_version integer not null,
    -- Measured time.
    opened_at timestamptz not null,
    closed_at timestamptz,
    -- When we knew; the ledger of lead time.
    opened_received_at timestamptz not null,
    -- Probability of the rule times precision of its verdicts at opening.
    confidence double precision not null,
    check ((status = 'open') = (closed_at is null))
);
create unique index one_open_case_per_component on vehicle_case (vehicle_id, component) where mode = 'live' and status = 'open';
create index vehicle_case_by_vehicle on vehicle_case (vehicle_id, opened_at);
create index vehicle_case_open_by_dealer on vehicle_case (dealer_id, severity) where status = 'open';

-- A rule that holds, with its evidence.
create table finding (
    case_id uuid not null references vehicle_case on delete cascade,
    -- Ordinal within the case.
    ordinal integer not null,
    dealer_id uuid not null references dealer,
    rule_key text not null,
    rule_version integer not null,
    -- Instance of the rule: a wheel, a service item, a fault code; empty for plain rules.
    subject text not null,
    severity smallint not null check (severity between 1 and 4),
    status text not null check (status in ('open', 'closed', 'withdrawn')),
    opened_at timestamptz not null,
    closed_at timestamptz,
    -- rules::finding::Evidence as JSON: readings, limit, fault codes, since when.
    evidence jsonb not null,
    -- Sentence why it opened and, later, why it closed.
    opened_because jsonb not null,
    closed_because text,
    primary key (case_id, ordinal)
);

-- Every change of a case, in order.
create table case_change (
    case_id uuid not null references vehicle_case on delete cascade,
    change_no integer not null,
    dealer_id uuid not null references dealer,
    kind text not null check (kind in ('open', 'update', 'escalate', 'ease', 'withdraw', 'close')),
    measured_at timestamptz not null,
    received_at timestamptz not null,
    because text not null,
    primary key (case_id, change_no)
);

-- Cases that wait for an advisor's judgement.
create table review (
    case_id uuid primary key references vehicle_case on delete cascade,
    dealer_id uuid not null references dealer,
    vehicle_id text not null,
    severity smallint not null check (severity between 1 and 4),
    -- Why it was not ordered automatically, such as `confidence 0.42 below 0.60`.
    because text not null,
    queued_at timestamptz not null,
    state text not null check (state in ('waiting', 'accepted', 'dismissed', 'gone')),
    answered_by uuid,
    answered_at timestamptz
);
create index review_waiting on review (dealer_id, severity, queued_at) where state = 'waiting';
