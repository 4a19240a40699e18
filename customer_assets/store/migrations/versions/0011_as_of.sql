alter table ops.users add column disabled_at timestamptz;
comment on column ops.users.disabled_at is 'since when this user cannot log in';
create table ops.access_tokens (
    name text not null,
    token_hash bytea not null,
    role text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    constraint access_tokens_pkey primary key (name),
    constraint access_tokens_token_hash_key unique (token_hash)
);
comment on table ops.access_tokens is 'Named tokens of the JSON API; only their hashes are kept.';
comment on column ops.access_tokens.role is 'viewer reads; editor says what became of reminders, too';
comment on column ops.access_tokens.expires_at is 'null: never';

create table ops.live_runs (
    run_id text not null,
    since timestamptz not null default now(),
    constraint live_runs_pkey primary key (run_id)
);
comment on table ops.live_runs is
    'Dagster runs that hold, or held, a lock for their whole life: one without it is lost, and closed as failed.';
comment on column ops.live_runs.run_id is 'of a Dagster run of this installation';
comment on column ops.live_runs.since is 'when it first held its lock';

-- What the cache said at a time, by the history that is kept: each logged column as it was before the first change since.
create function customers_cache_as_of(at timestamptz) returns setof customers_cache language sql stable as $$
    with before as (
        select
            f.cache_id,
            jsonb_object_agg(
                f.field,
                case
                    when f.field in ('contact_persons', 'extra_fields') then f.old_value::jsonb
                    else to_jsonb(f.old_value)
                end
            ) as was
        from (
            select distinct on (h.cache_id, h.field) h.cache_id, h.field, h.old_value
            from customer_changes h
            where h.changed_at > at
                and h.field <> 'deleted_because'
            order by h.cache_id, h.field, h.changed_at, h.id
        ) f
        group by f.cache_id
    )
    select r.*
    from customers_cache c
    left join before b on b.cache_id = c.id
    cross join lateral jsonb_populate_record(c, coalesce(b.was, '{}')) r
    where c.created_at <= at
$$;
comment on function customers_cache_as_of(timestamptz) is
    'customers_cache as it was then, as far as changes are logged: normalized columns and metadata are those of now.';

create function customers_as_of(at timestamptz) returns setof customers language sql stable as $$
    with fields (field, of_row) as (
        values
            ('name', 'name'), ('company_name', 'company_name'), ('legal_form', 'legal_form'),
            ('vat_number', 'vat_number'), ('role', 'role'), ('phone', 'phone'), ('primary_phone', 'primary_phone'),
            ('email', 'general_email'), ('billing_email', 'billing_email'), ('website', 'website'),
            ('street', 'street'), ('street2', 'street2'), ('zipcode', 'zipcode'), ('city', 'city'), ('state', 'state'),
            ('country', 'country')
    ),
    -- the row that a field is from; a field that no row has now is of the first that had it
    cells as (
        select distinct on (g.id, f.field) g.id, f.field, p.said -> f.of_row as value
        from customers g
        join (
            select c.id, c.golden_id, to_jsonb(c) as said
            from customers_cache_as_of(at) c
        ) p on p.golden_id = g.id
        cross join fields f
        where not g.provenance ? f.field
            or (g.provenance ->> f.field)::bigint = p.id
        order by g.id, f.field, p.said ->> f.of_row is null, p.id
    ),
    then_ as (
        select id, jsonb_object_agg(field, value) as was
        from cells
        group by id
    )
    select r.*
    from customers g
    left join then_ t on t.id = g.id
    cross join lateral jsonb_populate_record(g, coalesce(t.was, '{}')) r
    where g.created_at <= at
$$;
comment on function customers_as_of(timestamptz) is
    'customers as they were then: who is one with whom, and from which row each field survives, are those of now.';
