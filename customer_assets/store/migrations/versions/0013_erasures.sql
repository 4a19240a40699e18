create table ops.erasures (
    account text not null,
    source text not null,
    source_id text not null,
    erased_at timestamptz not null default now(),
    erased_by text not null,
    constraint erasures_pkey primary key (account, source, source_id)
);
comment on table ops.erasures is
    'Records that were erased, as a person may ask: no sync and no delivery takes them in again.';
comment on column ops.erasures.source_id is 'its id at the system; nothing else is kept';
