-- Personal data: AES-256-GCM by the application (12-byte nonce in front), with the key's id beside it.
-- A blind index (HMAC-SHA-256 of the normalised value) serves equality search.
create table person.person (
    person_id uuid primary key,
    dealer_id uuid not null references dealer,
    key_id smallint not null,
    name bytea not null,
    phone bytea,
    phone_index bytea,
    locale text not null check (locale in ('zh-CN', 'en')),
    timezone text not null default 'Asia/Shanghai',
    -- Local times between which nothing but S1 is sent.
    quiet_from time not null default '21:00',
    quiet_to time not null default '08:00',
    created_at timestamptz not null default now()
);
create index person_by_phone on person.person (phone_index);

create table person.vehicle_identity (
    vehicle_id text primary key references public.vehicle on delete cascade,
    dealer_id uuid not null references dealer,
    key_id smallint not null,
    vin bytea,
    vin_index bytea unique,
    plate bytea,
    plate_index bytea
);

-- People who log in.
create table person.account (
    account_id uuid primary key,
    -- Null for oem and ops, who belong to no dealer.
    dealer_id uuid references dealer,
    login text not null unique,
    -- Argon2id, PHC string.
    password_hash text not null,
    role text not null check (role in ('advisor', 'technician', 'manager', 'oem', 'ops')),
    display_name text not null,
    locale text not null default 'zh-CN' check (locale in ('zh-CN', 'en')),
    disabled_at timestamptz,
    check ((dealer_id is null) = (role in ('oem', 'ops')))
);

-- Log-ins; the cookie holds the token, this its SHA-256. Always in system time.
create table person.login_session (
    token_hash bytea primary key,
    account_id uuid not null references person.account on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

-- Failed log-ins, for the delay that grows with them.
create table person.login_failure (
    login text not null,
    failed_at timestamptz not null default now()
);
create index login_failure_by_login on person.login_failure (login, failed_at);

-- Every look at personal data: who, whom, why.
create table person.access_log (
    access_log_id bigint generated always as identity primary key,
    accessed_at timestamptz not null default now(),
    account_id uuid,
    dealer_id uuid,
    subject text not null,
    purpose text not null
);
