-- A work order: one visit of one vehicle. Lanes insert it as `proposed`; people move it on.
create table work_order (
    -- v5(vehicle, visit ordinal).
    order_id uuid primary key,
    -- What people say on the phone.
    number bigint generated always as identity unique,
    vehicle_id text not null,
    dealer_id uuid not null references dealer,
    visit integer not null,
    state text not null check (state in (
        'proposed', 'triaged', 'contacted', 'booked', 'parts_pending', 'parts_ready', 'checked_in', 'inspecting',
        'quoted', 'approved', 'dispatched', 'in_progress', 'waiting_parts', 'extra_work', 'quality_check', 'rework',
        'ready', 'settled', 'delivered', 'followed_up', 'closed',
        'no_fault_found', 'no_show', 'declined', 'rejected', 'cancelled', 'merged', 'expired', 'unreachable')),
    severity smallint not null check (severity between 1 and 4),
    -- When the visit should have happened, from the severity.
    due_at timestamptz not null,
    opened_at timestamptz not null,
    -- Set when the engine wants a person to look again, such as a withdrawn finding.
    flagged_because text,
    assigned_to uuid,
    appointment_at timestamptz,
    odometer_km double precision,
    -- Optimistic lock.
    version integer not null default 1
);
create index work_order_by_dealer on work_order (dealer_id, state, severity);
create index work_order_by_vehicle on work_order (vehicle_id, visit);

-- What is to be done: one line per case.
create table work_order_line (
    order_id uuid not null references work_order on delete cascade,
    case_id uuid not null references vehicle_case,
    dealer_id uuid not null references dealer,
    component text not null,
    severity smallint not null check (severity between 1 and 4),
    -- Catalogue keys.
    operations text[] not null,
    parts text[] not null,
    labour_h double precision not null,
    -- Joined after check-in: needs the owner's agreement.
    extra_work boolean not null,
    -- open, done, declined, withdrawn
    state text not null check (state in ('open', 'done', 'declined', 'withdrawn')),
    -- The technician's judgement, required to close.
    verdict text check (verdict in ('confirmed', 'confirmed_other_cause', 'precautionary_replaced', 'no_fault_found', 'not_inspected')),
    verdict_note text,
    primary key (order_id, case_id)
);
create index work_order_line_by_case on work_order_line (case_id);

-- Every move of an order: who, when, from, to, why.
create table work_order_transition (
    order_id uuid not null references work_order on delete cascade,
    transition_no integer not null,
    dealer_id uuid not null references dealer,
    from_state text,
    to_state text not null,
    moved_at timestamptz not null default now(),
    -- Null: the engine.
    moved_by uuid,
    because text not null,
    primary key (order_id, transition_no)
);
