-- Day partitions, made on demand for any day: a backlog, a simulated past, tomorrow. The default
-- partition is the safety net for a day nobody asked for; making the day later moves its rows over.
create table journal_default partition of journal default;

-- Makes `<parent>_YYYYMMDD` unless it is there; true if it was made. `day_column` is a date or a timestamptz.
create function make_day_partition(parent name, day_column name, day date) returns boolean language plpgsql as $$
declare
    child constant name := parent || '_' || to_char(day, 'YYYYMMDD');
    net constant name := parent || '_default';
    -- Read as UTC midnight by both column types.
    day_start constant text := to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00';
    day_end constant text := to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00';
begin
    if to_regclass(quote_ident(child)) is not null then
        return false;
    end if;
    -- One maker at a time. Whoever waited looks into the catalogue itself: names are cached.
    perform pg_advisory_xact_lock(hashtext('make_day_partition'), hashtext(child));
    if exists (select from pg_class where relname = child and relnamespace = current_schema()::regnamespace) then
        return false;
    end if;
    execute format('create table %I (like %I including defaults including constraints)', child, parent);
    -- Nothing may enter the net for this day between the move and the attach. Writers of other days go on.
    execute format('lock table %I in access exclusive mode', net);
    execute format(
        'with moved as (delete from %I where %I >= %L and %I < %L returning *) insert into %I select * from moved',
        net, day_column, day_start, day_column, day_end, child);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child, day_start, day_end);
    return true;
end
$$;

-- Drops the day partitions of `parent` before `first_kept`; gives the days that went.
create function drop_day_partitions(parent name, first_kept date) returns setof date language plpgsql as $$
declare
    child record;
begin
    for child in
        select c.relname, to_date(right(c.relname, 8), 'YYYYMMDD') as day
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = to_regclass(quote_ident(parent)) and c.relname ~ ('^' || parent || '_[0-9]{8}$')
        order by 2
    loop
        if child.day < first_kept then
            execute format('drop table %I', child.relname);
            return next child.day;
        end if;
    end loop;
end
$$;
