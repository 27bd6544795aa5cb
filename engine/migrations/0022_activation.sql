-- Rule sets that were proposed, agreed to and took effect: the history of what vehicles were judged by.
create table activation (
    activation_id bigint generated always as identity primary key,
    -- SHA-256 of the catalogue's files; the files themselves are in rule_set.
    rule_set_hash bytea not null references rule_set (hash),
    -- Where the change came from: the first start, a start with other files, a changed file, the API, a roll-back.
    origin text not null check (origin in ('start', 'file', 'api', 'rollback')),
    author text not null,
    reason text not null check (reason <> ''),
    -- What changes against the set that was in force, rule by rule.
    changes jsonb not null,
    needs_approval boolean not null,
    -- waiting -> approved -> active -> replaced, or waiting -> rejected.
    state text not null check (state in ('waiting', 'approved', 'active', 'replaced', 'rejected')),
    -- Who agreed or refused; empty where nobody had to.
    decided_by text,
    proposed_at timestamptz not null,
    decided_at timestamptz,
    active_at timestamptz,
    -- Two people look at a rule that contacts owners.
    constraint a_second_person_approves check (not needs_approval or decided_by is distinct from author or decided_by is null),
    constraint nothing_unapproved_is_active check (
        not needs_approval or state in ('waiting', 'rejected') or decided_by is not null)
);
create unique index one_active_rule_set on activation ((true)) where state = 'active';
create index activation_by_hash on activation (rule_set_hash);

-- The engine follows what people decide.
create function notify_activation() returns trigger language plpgsql as $$
begin
    perform pg_notify('premend_activation', new.activation_id::text);
    return new;
end
$$;
create trigger activation_changed after insert or update of state on activation
    for each row execute function notify_activation();

grant select, insert, update on activation to premend_engine;
