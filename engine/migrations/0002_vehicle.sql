-- Dealers come first: every row of the CRM belongs to one.
create table dealer (
    dealer_id uuid primary key,
    name text not null,
    -- IANA name; working hours and quiet hours are meant in it.
    timezone text not null default 'Asia/Shanghai',
    -- {"mon": ["08:30", "18:00"], ...}; a missing day is closed.
    opening_hours jsonb not null default '{}',
    phone text,
    created_at timestamptz not null default now()
);

-- A vehicle without personal data; the lane's state has its own copy of the profile, kept true by commands.
create table vehicle (
    -- The opaque id of the topics.
    vehicle_id text primary key check (vehicle_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    dealer_id uuid not null references dealer,
    -- Key of the model in the catalogue.
    model text not null,
    model_year smallint not null,
    powertrain text not null check (powertrain in ('ice', 'hev', 'bev')),
    region text not null default '',
    delivered_at timestamptz not null,
    -- How it became known: by a person, or by its first message under the policy `register`.
    registered_by text not null check (registered_by in ('person', 'first_message')),
    attributes jsonb not null default '{}',
    created_at timestamptz not null default now()
);
create index vehicle_by_dealer on vehicle (dealer_id);

-- People in their dated roles towards vehicles; a person is an opaque id outside schema person.
create table vehicle_role (
    vehicle_role_id bigint generated always as identity primary key,
    vehicle_id text not null references vehicle on delete cascade,
    dealer_id uuid not null references dealer,
    person_id uuid not null,
    role text not null check (role in ('owner', 'driver', 'fleet')),
    valid_from timestamptz not null,
    -- Null while the role lasts.
    valid_to timestamptz check (valid_to > valid_from)
);
create unique index one_owner_at_a_time on vehicle_role (vehicle_id) where role = 'owner' and valid_to is null;

-- Consent per purpose, with proof; withdrawing sets withdrawn_at and is never deleted.
create table consent (
    consent_id bigint generated always as identity primary key,
    vehicle_id text not null references vehicle on delete cascade,
    dealer_id uuid not null references dealer,
    person_id uuid not null,
    purpose text not null check (purpose in ('maintenance', 'diagnostics', 'location', 'marketing', 'dealer_sharing')),
    -- Version of the text the person saw.
    text_version text not null,
    given_through text not null,
    granted_at timestamptz not null,
    withdrawn_at timestamptz,
    expires_at timestamptz
);
create unique index one_live_consent_per_purpose on consent (vehicle_id, person_id, purpose) where withdrawn_at is null;

-- What was done to a vehicle, here or elsewhere; anchors the service plan.
create table service_record (
    service_record_id bigint generated always as identity primary key,
    vehicle_id text not null references vehicle on delete cascade,
    dealer_id uuid not null references dealer,
    -- Item of the service plan, such as `oil`.
    item text not null,
    done_at timestamptz not null,
    odometer_km double precision not null check (odometer_km >= 0),
    order_id uuid
);
create index service_record_by_vehicle on service_record (vehicle_id, done_at);

-- Acts of people and jobs on a vehicle, written in the transaction of the act and applied by its lane.
create table command (
    command_id bigint generated always as identity primary key,
    vehicle_id text not null,
    -- A rules::command::Command as JSON; opaque ids only.
    body jsonb not null,
    created_at timestamptz not null default now(),
    -- Set in the lane's commit.
    applied_at timestamptz
);
create index command_waiting on command (command_id) where applied_at is null;

-- The lane dispatcher listens; the payload says nothing, it reads the table again.
create function command_written() returns trigger language plpgsql as $$
begin
    perform pg_notify('premend_command', '');
    return null;
end
$$;
create trigger command_written after insert on command for each statement execute function command_written();
