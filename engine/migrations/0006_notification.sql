-- A notice to a person or a car about an order or a case.
create table notification (
    -- v5(order or case, stage, person).
    notification_id uuid primary key,
    vehicle_id text not null,
    dealer_id uuid not null references dealer,
    -- Null: the car itself, whoever drives.
    person_id uuid,
    -- Not a foreign key: a stop-now notice may go out while the case still waits for missing messages.
    case_id uuid not null,
    order_id uuid,
    stage text not null check (stage in ('stop_now', 'opened', 'resolved')),
    severity smallint not null check (severity between 1 and 4),
    template text not null,
    template_version integer not null,
    locale text not null,
    -- What fills the template, without personal data.
    variables jsonb not null,
    created_at timestamptz not null,
    valid_until timestamptz not null,
    -- Reported back by the car.
    seen_at timestamptz
);
create index notification_by_vehicle on notification (vehicle_id, created_at);

-- One delivery to do: a notification on a channel. Claimed with a lease, delivered outside any transaction.
create table outbox (
    -- v5(notification, channel).
    outbox_id uuid primary key,
    notification_id uuid not null references notification on delete cascade,
    dealer_id uuid not null references dealer,
    channel text not null,
    state text not null check (state in ('queued', 'delivered', 'cancelled', 'parked')),
    not_before timestamptz not null,
    leased_until timestamptz,
    attempts integer not null default 0,
    -- Why it was cancelled or parked.
    because text
);
create index outbox_due on outbox (not_before) where state = 'queued';

-- Every attempt with its outcome; the proof of delivery.
create table attempt (
    outbox_id uuid not null references outbox on delete cascade,
    attempt_no integer not null,
    dealer_id uuid not null references dealer,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    outcome text not null check (outcome in ('delivered', 'retry', 'parked', 'cancelled')),
    detail text,
    primary key (outbox_id, attempt_no)
);

-- Inbox of a dealer's people in the console; a channel like any other.
create table console_message (
    -- The outbox id, so that a repeated delivery is one message.
    console_message_id uuid primary key,
    dealer_id uuid not null references dealer,
    vehicle_id text not null,
    case_id uuid not null,
    order_id uuid,
    severity smallint not null check (severity between 1 and 4),
    title jsonb not null,
    body jsonb not null,
    created_at timestamptz not null,
    read_at timestamptz,
    read_by uuid
);
create index console_message_unread on console_message (dealer_id, created_at) where read_at is null;

create function outbox_written() returns trigger language plpgsql as $$
begin
    perform pg_notify('premend_outbox', '');
    return null;
end
$$;
create trigger outbox_written after insert on outbox for each statement execute function outbox_written();

-- The console's live pages re-read what they show; the payload is the dealer, nothing else.
create function console_changed() returns trigger language plpgsql as $$
declare
    dealer uuid;
begin
    for dealer in select distinct dealer_id from changed loop
        perform pg_notify('premend_console', dealer::text);
    end loop;
    return null;
end
$$;
create trigger work_order_inserted after insert on work_order
    referencing new table as changed for each statement execute function console_changed();
create trigger work_order_updated after update on work_order
    referencing new table as changed for each statement execute function console_changed();
create trigger work_order_line_inserted after insert on work_order_line
    referencing new table as changed for each statement execute function console_changed();
create trigger vehicle_case_inserted after insert on vehicle_case
    referencing new table as changed for each statement execute function console_changed();
create trigger vehicle_case_updated after update on vehicle_case
    referencing new table as changed for each statement execute function console_changed();
create trigger review_inserted after insert on review
    referencing new table as changed for each statement execute function console_changed();
create trigger review_updated after update on review
    referencing new table as changed for each statement execute function console_changed();
create trigger console_message_inserted after insert on console_message
    referencing new table as changed for each statement execute function console_changed();
