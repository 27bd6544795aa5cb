-- What the console may see and must not: rejections and commands by the vehicle's dealer, accounts by their
-- dealer, and an access log that nobody can change.

-- Rejected input carries no dealer of its own; whoever sees the vehicle sees what it sent. What claims an
-- unknown vehicle is for the OEM and the engine.
alter table rejection enable row level security;
alter table rejection force row level security;
create policy engine on rejection to premend_engine using (true) with check (true);
create policy console on rejection for select to premend_console using (
    exists (select 1 from vehicle where vehicle.vehicle_id = rejection.vehicle_id)
    or current_setting('premend.dealer_id', true) = '*');
grant select on rejection to premend_console;

-- People act on vehicles of their dealer only.
alter table command enable row level security;
alter table command force row level security;
create policy engine on command to premend_engine using (true) with check (true);
create policy console on command for insert to premend_console with check (
    exists (select 1 from vehicle where vehicle.vehicle_id = command.vehicle_id));

-- Accounts: colleagues of the dealer, or everybody while somebody logs in.
alter table person.account enable row level security;
alter table person.account force row level security;
create policy person on person.account to premend_person using (
    visible_dealer(dealer_id) or current_setting('premend.purpose', true) = 'log-in');

-- The access log: append only, each row chained to the one before, so that a changed or missing row shows.
alter table person.access_log add column previous_hash bytea, add column hash bytea;
revoke update, delete on person.access_log from premend_person;
alter table person.access_log enable row level security;
alter table person.access_log force row level security;
create policy written on person.access_log for insert to premend_person with check (true);
create policy seen on person.access_log for select to premend_person using (
    visible_dealer(dealer_id) or current_setting('premend.purpose', true) = 'audit');

-- What a row's hash is taken over.
create function person.access_log_digest(entry person.access_log) returns bytea language sql immutable as $$
    select sha256(coalesce(entry.previous_hash, ''::bytea) || convert_to(concat_ws('|',
        entry.access_log_id, extract(epoch from entry.accessed_at), entry.account_id, entry.dealer_id,
        entry.subject, entry.purpose), 'UTF8'))
$$;

-- The end of the chain; its row lock orders the writers.
create table person.access_log_head (
    only_row boolean primary key default true check (only_row),
    hash bytea
);
insert into person.access_log_head default values;
grant select, update on person.access_log_head to premend_person;

create function person.chain_access_log() returns trigger language plpgsql as $$
begin
    select hash into new.previous_hash from person.access_log_head for update;
    new.hash := person.access_log_digest(new);
    update person.access_log_head set hash = new.hash;
    return new;
end
$$;
create trigger chain_access_log before insert on person.access_log
    for each row execute function person.chain_access_log();
