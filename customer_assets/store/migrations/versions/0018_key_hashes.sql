-- Texts of very many rows are a large index, and slow to write. The texts stay for programs from before, and go a release later.
alter table ops.identity_index
    add column key_hashes bigint[] not null default '{}',
    add column name_hash bigint,
    alter column keys set default '{}';
comment on column ops.identity_index.key_hashes is
    'what it is found by, as numbers: phones, mailboxes, addresses, names (domain/identity/key_hashes.py)';
comment on column ops.identity_index.name_hash is 'its name, as a number';
comment on column ops.identity_index.keys is 'of programs before 0018';
create index identity_index_key_hashes_idx on ops.identity_index using gin (key_hashes);

create or replace function ops.settle_identity_index()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gin_clean_pending_list('ops.identity_index_keys_idx'), gin_clean_pending_list('ops.identity_index_key_hashes_idx');
end
$$;
