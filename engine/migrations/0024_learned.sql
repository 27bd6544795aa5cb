-- What is learned from technicians' verdicts: when they were given, and what it asks of a rule's author.

-- When the verdict was given, in the clock of the product: it fades with time.
alter table work_order_line add column verdict_at timestamptz;
-- Verdicts from before: the order's last move is the nearest that is known. The tables' owner sees no rows.
set role premend_engine;
update work_order_line l
set verdict_at = (select max(moved_at) from work_order_transition t where t.order_id = l.order_id)
where verdict is not null;
update work_order_line set verdict_at = now() where verdict is not null and verdict_at is null;
reset role;
alter table work_order_line add constraint a_verdict_has_its_time check ((verdict is null) = (verdict_at is null));
grant update (verdict_at) on work_order_line to premend_console;
create index work_order_line_judged on work_order_line (verdict_at) where verdict is not null;

-- A job may propose learned tables.
alter table activation drop constraint activation_origin_check;
alter table activation add constraint activation_origin_check
    check (origin in ('start', 'file', 'api', 'rollback', 'job'));
-- SHA-256 of the files that people wrote, the learned tables left out: whether rules were proposed before does
-- not depend on what was learned since.
alter table activation add column written_hash bytea;
update activation set written_hash = rule_set_hash;
alter table activation alter column written_hash set not null;
create index activation_by_written_hash on activation (written_hash);

-- What a rule's figures ask of its author.
create table rule_task (
    rule_task_id bigint generated always as identity primary key,
    rule_key text not null,
    rule_version integer not null,
    -- demoted: it runs as a shadow from now on. performs_badly: it must not be demoted and stays live.
    what text not null check (what in ('demoted', 'performs_badly')),
    -- Who proposed the version, if it did not come with the product or with the first start.
    author text,
    -- When it was opened: share of right findings, the lower bound of it, the gate, and verdicts by weight.
    precision double precision not null,
    lower double precision not null,
    gate double precision not null,
    confirmed double precision not null,
    refuted double precision not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    closed_by text,
    check ((closed_at is null) = (closed_by is null))
);
create unique index one_open_task_per_rule_version on rule_task (rule_key, rule_version) where closed_at is null;
grant select, insert, update on rule_task to premend_engine;
grant usage on all sequences in schema public to premend_engine;
