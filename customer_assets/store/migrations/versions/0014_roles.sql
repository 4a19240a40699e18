-- A role that may only read and write rows has these done by their owner; `db roles` lets it.

create function ops.gather_statistics(of_table regclass, of_columns text[])
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
    where c.oid = of_table
        and c.relkind = 'r'
        and n.nspname in ('public', 'ops');
    if not found then
        raise exception '%% is no table of customer_assets', of_table;
    end if;
    execute format(
        'analyze %%s%%s',
        of_table,
        (select ' (' || string_agg(quote_ident(name), ', ') || ')' from unnest(of_columns) as name)
    );
end
$$;
comment on function ops.gather_statistics(regclass, text[]) is
    'Statistics of a table, at once: autovacuum has them a minute later, and plans are bad until then.';

create function ops.settle_identity_index()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gin_clean_pending_list('ops.identity_index_keys_idx');
end
$$;
comment on function ops.settle_identity_index() is
    'Sorts in the keys that wait to be: a look-up reads through all of them.';

revoke execute on function ops.gather_statistics(regclass, text[]) from public;
revoke execute on function ops.settle_identity_index() from public;
