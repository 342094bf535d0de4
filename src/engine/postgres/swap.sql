-- Puts the database that was built aside in the target's place: owner, privileges, settings and comment stay the target's.
do $swap$
declare
    target text := current_setting('shed.target');
    aside text := current_setting('shed.aside');
    old text := current_setting('shed.old');
    mark text := current_setting('shed.mark');
    was pg_database;
    owner text;
    granted record;
    setting record;
    label record;
begin
    select * into was from pg_database where datname = target;
    if found then
        owner := pg_get_userbyid(was.datdba);
        execute format('alter database %I owner to %I', aside, owner);
        execute format('alter database %I connection limit %s', aside, was.datconnlimit);
        execute format('alter database %I is_template %s', aside, case when was.datistemplate then 'true' else 'false' end);
        -- While it was built nobody else could look into it.
        if was.datacl is null then
            execute format('grant connect, temporary on database %I to public', aside);
        else
            execute format('revoke all on database %I from public, %I', aside, owner);
            for granted in select * from aclexplode(was.datacl) loop
                execute format('grant %s on database %I to %s%s', granted.privilege_type, aside,
                    case when granted.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(granted.grantee)) end,
                    case when granted.is_grantable then ' with grant option' else '' end);
            end loop;
        end if;
        for setting in
            select s.setrole as role, split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value
            from pg_db_role_setting s, unnest(s.setconfig) c where s.setdatabase = was.oid
        loop
            begin
                execute format('alter %s set %I to %s',
                    case when setting.role = 0 then format('database %I', aside)
                         else format('role %I in database %I', pg_get_userbyid(setting.role), aside) end,
                    setting.name,
                    -- These are lists of quoted names; one literal would be one name.
                    case when setting.name in ('search_path', 'temp_tablespaces', 'session_preload_libraries',
                                               'shared_preload_libraries', 'local_preload_libraries')
                         then (select string_agg(quote_literal(coalesce(replace(m[1], '""', '"'), m[2])), ', ')
                               from regexp_matches(setting.value, '"((?:[^"]|"")*)"|([^,\s"]+)', 'g') m)
                         else quote_literal(setting.value) end);
            exception when others then
                raise warning 'the setting % of the replaced database is not carried over: %', setting.name, sqlerrm;
            end;
        end loop;
        execute format('comment on database %I is %L', aside, shobj_description(was.oid, 'pg_database'));
        for label in
            select provider, l.label from pg_shseclabel l where objoid = was.oid and classoid = 'pg_database'::regclass
        loop
            execute format('security label for %I on database %I is %L', label.provider, aside, label.label);
        end loop;
        if mark <> '' then
            execute format('alter database %I is_template false', target);
            execute format('comment on database %I is %L', target, mark);
        end if;
        execute format('alter database %I rename to %I', target, old);
    else
        execute format('comment on database %I is null', aside);
        execute format('grant connect, temporary on database %I to public', aside);
    end if;
    execute format('alter database %I rename to %I', aside, target);
end
$swap$;
