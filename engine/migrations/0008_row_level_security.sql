-- Rows belong to dealers. The console sees those of `premend.dealer_id`, or all where it is `*` (OEM);
-- the engine sees all. Forced, so that the owner of the tables is no way around it.
create function visible_dealer(row_dealer uuid) returns boolean language sql stable as $$
    select case current_setting('premend.dealer_id', true)
        when '*' then true
        when '' then false
        else row_dealer = nullif(current_setting('premend.dealer_id', true), '')::uuid
    end is true
$$;

do $$
declare
    t text;
begin
    foreach t in array array['vehicle', 'vehicle_role', 'consent', 'service_record', 'vehicle_case', 'finding',
        'case_change', 'review', 'work_order', 'work_order_line', 'work_order_transition', 'notification', 'outbox',
        'attempt', 'console_message'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy engine on %I to premend_engine using (true) with check (true)', t);
        execute format('create policy console on %I to premend_console using (visible_dealer(dealer_id)) with check (visible_dealer(dealer_id))', t);
        execute format('grant select, insert, update, delete on %I to premend_engine', t);
        execute format('grant select on %I to premend_console', t);
    end loop;
    foreach t in array array['person', 'vehicle_identity'] loop
        execute format('alter table person.%I enable row level security', t);
        execute format('alter table person.%I force row level security', t);
        execute format('create policy person on person.%I to premend_person using (visible_dealer(dealer_id)) with check (visible_dealer(dealer_id))', t);
    end loop;
end
$$;

grant select, insert, update, delete on all tables in schema person to premend_person;
grant usage on all sequences in schema person to premend_person;

alter table dealer enable row level security;
alter table dealer force row level security;
create policy engine on dealer to premend_engine using (true) with check (true);
create policy console on dealer to premend_console using (visible_dealer(dealer_id));
create policy person on dealer to premend_person using (visible_dealer(dealer_id));
grant select on dealer to premend_console, premend_person;
grant select, insert, update on dealer to premend_engine;

grant select, insert, update, delete on command, incarnation, rule_set, journal, vehicle_snapshot, rejection, store_tier to premend_engine;
grant usage on all sequences in schema public to premend_engine, premend_console;

-- What people may write, column by column; everything else of these rows is the lanes'.
grant update (state, flagged_because, assigned_to, appointment_at, odometer_km, version) on work_order to premend_console;
grant update (state, verdict, verdict_note) on work_order_line to premend_console;
grant insert on work_order_transition to premend_console;
grant update (state, answered_by, answered_at) on review to premend_console;
grant update (read_at, read_by) on console_message to premend_console;
grant insert, update on vehicle, vehicle_role, consent, service_record to premend_console;
grant insert on command to premend_console;
