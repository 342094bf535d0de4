-- Removes what a database holds, without the right to make another; objects of the system and of extensions that stay are left.
do $clear$
declare
    it record;
begin
    for it in
        select e.extname from pg_extension e
        where e.extname <> 'plpgsql' and pg_has_role(e.extowner, 'usage')
    loop
        execute format('drop extension if exists %I cascade', it.extname);
    end loop;
    for it in
        select n.nspname from pg_namespace n
        where n.nspname not in ('public', 'information_schema') and n.nspname !~ '^pg_'
          and not exists (select from pg_depend d where d.objid = n.oid and d.classid = 'pg_namespace'::regclass and d.deptype = 'e')
    loop
        execute format('drop schema if exists %I cascade', it.nspname);
    end loop;
    for it in
        select o.type, o.identity from pg_depend d, pg_identify_object(d.classid, d.objid, 0) o
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = 'public'::regnamespace and d.deptype = 'n'
          and not exists (select from pg_depend e where e.objid = d.objid and e.classid = d.classid and e.deptype = 'e')
        order by o.type not in ('view', 'materialized view'), o.type not in ('table', 'foreign table')
    loop
        execute format('drop %s if exists %s cascade', case it.type when 'composite type' then 'type' else it.type end, it.identity);
    end loop;
    perform lo_unlink(oid) from pg_largeobject_metadata;
end
$clear$;
