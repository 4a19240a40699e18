alter table ops.raw_pages
    add column base_id bigint,
    add column record_hashes bytea,
    add constraint raw_pages_base_id_fkey foreign key (base_id) references ops.raw_pages (id);
create index raw_pages_base_id_idx on ops.raw_pages (base_id) where base_id is not null;
comment on column ops.raw_pages.body is 'the answer''s body, zstd; with a base, that one''s body is its dictionary';
comment on column ops.raw_pages.base_id is
    'the page before it in its place, which its body is compressed against; null: none';
comment on column ops.raw_pages.record_hashes is '8 bytes of each record as received, in the order of the ids';

create table ops.row_mappings (
    account text not null,
    source text not null,
    entity text not null,
    salt bytea,
    rest bytea,
    constraint row_mappings_pkey primary key (account, source, entity)
);
comment on table ops.row_mappings is
    'By which mapping the stored records of a source were read: by another, they are read once more.';
comment on column ops.row_mappings.entity is 'customers or invoices';
comment on column ops.row_mappings.salt is 'hash of the mapping; null: in doubt';
comment on column ops.row_mappings.rest is 'hash of what decides which keys go to metadata; null: in doubt';

alter table ops.derivations add column role_overrides text;
comment on column ops.derivations.role_overrides is 'the list of role overrides that its rows show; null: not known';

comment on column customer_rows.record_hash is
    '8 bytes over the record as received: equal means nothing to do; null: that is not known';
comment on column invoice_rows.record_hash is
    '8 bytes over the record as received: equal means nothing to do; null: that is not known';

-- No query is planned by what these hold, and looking at them was half of what autovacuum's analyze costs.
alter table customer_rows
    alter column contact_persons set statistics 0,
    alter column extra_fields set statistics 0,
    alter column metadata set statistics 0,
    alter column content_hash set statistics 0,
    alter column record_hash set statistics 0;
alter table ops.raw_pages
    alter column body set statistics 0,
    alter column record_hashes set statistics 0;
