-- Three roles that the login user switches into for the length of one transaction
-- (engine/src/store/session.rs). They are cluster-wide, so another database may have made them.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['premend_engine', 'premend_console', 'premend_person'] loop
        begin
            execute format('create role %I nologin', wanted);
        exception when duplicate_object or unique_violation then
            null;
        end;
        if not pg_has_role(current_user, wanted, 'member') then
            execute format('grant %I to %I', wanted, current_user);
        end if;
    end loop;
end
$$;

-- Names, phones, VINs and plates, encrypted; only premend_person may look inside.
create schema person;
grant usage on schema person to premend_person;
