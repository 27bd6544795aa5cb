-- What people did: one row for each act, written in the transaction of the act, so that what is done and what is
-- written down cannot come apart. It is the audit of everything but looking at personal data, which has a chained log
-- of its own (person.access_log), and it is how a request that is sent twice is carried out once.
create table act (
    act_id bigint generated always as identity primary key,
    -- `account/<id>`, or `operator` for somebody at the command line of the installation.
    actor text not null,
    -- The actor's dealer; null for the manufacturer and for operations.
    dealer_id uuid references dealer,
    -- Which act, such as `order.move_on`: the path of its function below engine/src/act.
    act text not null,
    -- What was acted on, such as `order/<id>`. No personal data.
    subject text not null,
    -- Sent by the caller; null where a request carried none.
    idempotency_key text check (length(idempotency_key) between 1 and 100),
    -- In the clock of the product.
    at timestamptz not null,
    -- What the act returned, for the same request sent again. No personal data, no secrets.
    outcome jsonb not null
);
-- A key belongs to whoever sent it: two people may use the same one.
create unique index one_act_per_actor_and_key on act (actor, idempotency_key) where idempotency_key is not null;
create index act_by_subject on act (subject, at);

-- Acts run in several roles, one after another; their rows are written and looked up as the engine. Rows are only
-- added. A dealer's people see those of their dealer, the manufacturer's see all.
alter table act enable row level security;
alter table act force row level security;
create policy engine on act to premend_engine using (true) with check (true);
create policy console on act for select to premend_console using (
    visible_dealer(dealer_id) or current_setting('premend.dealer_id', true) = '*');
grant select, insert on act to premend_engine;
grant select on act to premend_console;
grant usage on all sequences in schema public to premend_engine;
