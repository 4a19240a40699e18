-- Normalized columns beside the values as received; customer_id is customers_cache.id everywhere, golden_id customers.id.
drop view robaws_customers_cache;
drop view zoho_customers_cache;
drop view sumit_customers;
drop view customers_cache;
drop view invoices_cache;

alter table customer_rows
    add column vat_normalized text,
    add column vat_status text,
    add column phone_e164 text,
    add column mobile_e164 text,
    add column phone_region_from text,
    add column email_normalized text,
    add column country_code text;
alter table customers
    add column vat_normalized text,
    add column vat_status text,
    add column phone_e164 text,
    add column email_normalized text,
    add column country_code text;
create index customer_rows_account_vat_normalized_idx on customer_rows (account, vat_normalized)
    where vat_status = 'valid';
-- prefixes of wider ones, and a flag that selects half of the table
drop index customer_rows_name_idx;
drop index customer_rows_role_idx;
drop index customer_rows_is_active_idx;

alter table customer_rows rename column customer_id to golden_id;
alter index customer_rows_customer_id_idx rename to customer_rows_golden_id_idx;
alter table customer_rows rename constraint customer_rows_customer_id_fkey to customer_rows_golden_id_fkey;
alter table customer_contacts rename column customer_id to golden_id;
alter table customer_contacts rename constraint customer_contacts_customer_id_fkey to customer_contacts_golden_id_fkey;
alter table customer_aliases rename column customer_id to golden_id;
alter index customer_aliases_customer_id_idx rename to customer_aliases_golden_id_idx;
alter table customer_aliases rename constraint customer_aliases_customer_id_fkey to customer_aliases_golden_id_fkey;
alter table ops.identity_index rename column customer_id to golden_id;

alter table legacy_invoices
    add column golden_id bigint constraint legacy_invoices_golden_id_fkey references customers (id) on delete set null;
update legacy_invoices l
set golden_id = r.golden_id
from customer_rows r
where r.id = l.customer_id;
create index legacy_invoices_golden_id_idx on legacy_invoices (golden_id);
alter table payment_reminders
    add column golden_id bigint constraint payment_reminders_golden_id_fkey references customers (id) on delete set null,
    add column sent_at timestamptz,
    add column failure text;
update payment_reminders p
set golden_id = r.golden_id
from customer_rows r
where r.id = p.customer_id;
create index payment_reminders_golden_id_idx on payment_reminders (golden_id);

-- every column that a load writes counts
drop trigger unsettled_by_update on customer_rows;
create trigger unsettled_by_update after update of
    account, source, source_customer_id, name, company_name, legal_form, vat_number, role, status, assignee,
    external_sales_person, follow_up_date, is_active, default_vat_tariff, gl_account, accessible_via_peppol, phone, mobile,
    primary_phone, general_email, billing_email, website, whatsapp_client, street, street2, zipcode, city, state, country,
    contact_persons, extra_fields, metadata, covered, content_hash, record_hash, source_modified_at, source_time_given,
    deleted_at, vat_normalized, vat_status, phone_e164, mobile_e164, phone_region_from, email_normalized, country_code
    on customer_rows for each row
    when (current_setting('customer_assets.complete_scan', true) is distinct from 'on')
    execute function ops.note_unsettled_customer();

comment on column customer_rows.vat_normalized is 'the VAT id in one spelling, its country before it';
comment on column customer_rows.vat_status is 'valid or invalid by its check digits, unchecked, shared by customers of different names';
comment on column customer_rows.phone_e164 is 'phone in E.164, where its country is evidenced and it is valid there';
comment on column customer_rows.mobile_e164 is 'mobile in E.164';
comment on column customer_rows.primary_phone is 'to reach it at: E.164, as received where that is not sure';
comment on column customer_rows.phone_region_from is 'what told the country of the numbers: number, country, vat, sibling, mail, account';
comment on column customer_rows.email_normalized is 'the first address of general_email, in lower case';
comment on column customer_rows.country_code is 'the country as ISO 3166 alpha-2';
comment on column customer_rows.golden_id is 'the real customer: customers.id';
comment on column customers.vat_normalized is null;
comment on column customers.vat_status is null;
comment on column customers.phone_e164 is null;
comment on column customers.email_normalized is null;
comment on column customers.country_code is null;
comment on column customers.primary_phone is null;
comment on table payment_reminders is 'Payment reminders: one per invoice and date. Why an invoice has none: invoice_reminder_state.';
comment on column payment_reminders.status is 'pending, skipped, cancelled, sent, failed or missed';
comment on column payment_reminders.skip_reason is 'why it is skipped, cancelled or missed';
comment on column payment_reminders.sent_at is 'when the sender said that it is sent, or that it failed';
comment on column payment_reminders.failure is 'why it failed, as the sender says';

comment on column legacy_invoices.golden_id is 'the real customer: customers.id';
comment on column payment_reminders.golden_id is 'the real customer: customers.id';

create table ops.postponed_indexes (
    name text not null,
    table_name text not null,
    definition text not null,
    constraint postponed_indexes_pkey primary key (name)
);
comment on table ops.postponed_indexes is
    'Indexes that a first load dropped, to be built when it is done, or by the next one.';
comment on column ops.postponed_indexes.table_name is 'whose index';
comment on column ops.postponed_indexes.definition is 'statement that builds it';

create table ops.derivations (
    account text not null,
    source text not null,
    rules text not null,
    constraint derivations_pkey primary key (account, source)
);
comment on table ops.derivations is
    'By which rules the derived columns of an account''s rows were worked out; by others, they are once more.';
comment on column ops.derivations.rules is 'version of the rules, and what the account''s settings say';

create table ops.set_back_rows (
    entity text not null,
    account text not null,
    source text not null,
    source_id text not null,
    scan_id bigint not null,
    constraint set_back_rows_pkey primary key (entity, account, source, source_id)
);
comment on table ops.set_back_rows is
    'Records that the last complete scan showed older than they are stored: a second one in a row is believed.';
comment on column ops.set_back_rows.entity is 'customers or invoices';
comment on column ops.set_back_rows.scan_id is 'the scan that showed it so';

-- An unchanged scan rewrites no row: the time of the last complete scan is looked up, not stored in each row.
create or replace view customers_cache as
select
    r.id, r.account, r.source, r.source_customer_id,
    r.name, r.company_name, r.legal_form, r.vat_number, r.default_vat_tariff,
    r.phone, r.mobile, r.primary_phone, r.website, r.general_email, r.billing_email,
    r.street, r.street2, r.city, r.state, r.zipcode, r.country,
    r.role, r.assignee, r.gl_account, r.status, r.external_sales_person,
    r.follow_up_date, r.whatsapp_client, r.accessible_via_peppol, r.is_active,
    r.contact_persons, r.metadata, r.extra_fields, r.content_hash,
    r.country_code, r.phone_e164, r.mobile_e164, r.phone_region_from, r.vat_normalized,
    case
        when r.vat_status = 'valid' and exists (
            select
            from customer_rows o
            where o.account = r.account
                and o.vat_normalized = r.vat_normalized
                and o.vat_status = 'valid'
                and o.golden_id <> r.golden_id
                and o.deleted_at is null
        ) then 'shared'
        else r.vat_status
    end as vat_status,
    r.email_normalized,
    r.source_modified_at, r.deleted_at, r.created_at, r.updated_at, r.golden_id,
    greatest(
        r.last_seen_at,
        (
            select m.last_full_at
            from sync_metadata m
            where m.account = r.account
                and m.source = r.source
                and m.entity = 'customers'
                and r.deleted_at is null
        )
    ) as last_synced_at
from customer_rows r;

-- As customers_cache: last_synced_at is looked up.
create or replace view invoices_cache as
select
    r.id, r.account, r.source, r.source_invoice_id, r.customer_id, r.source_customer_id,
    r.invoice_number, r.total, r.balance, r.currency_code, r.invoice_date, r.due_date, r.status,
    r.content_hash, r.source_modified_at, r.deleted_at, r.created_at, r.updated_at,
    (select c.golden_id from customer_rows c where c.id = r.customer_id) as golden_id,
    greatest(
        r.last_seen_at,
        (
            select m.last_full_at
            from sync_metadata m
            where m.account = r.account
                and m.source = r.source
                and m.entity = 'invoices'
                and r.deleted_at is null
        )
    ) as last_synced_at
from invoice_rows r;

-- The names that the users of this system know.
create or replace view robaws_customers_cache as
select
    id, account,
    source_customer_id as robaws_client_id,
    name, legal_form, vat_number, default_vat_tariff, phone, mobile, website, general_email, billing_email,
    street, street2, city, zipcode, country, role, assignee, gl_account, status, external_sales_person,
    follow_up_date, whatsapp_client, accessible_via_peppol, is_active,
    primary_phone, extra_fields, metadata,
    nullif(concat_ws(', ', street, street2, nullif(concat_ws(' ', zipcode, city), ''), country), '') as full_address,
    source_modified_at, deleted_at, created_at, updated_at, last_synced_at
from customers_cache
where source = 'robaws';

-- The names that the users of this system know.
create or replace view zoho_customers_cache as
select
    id, account,
    source_customer_id as zoho_customer_id,
    name as customer_name,
    company_name,
    metadata ->> 'contact_type' as contact_type,
    status,
    metadata ->> 'primary_contact_id' as primary_contact_person_id,
    primary_phone,
    general_email as primary_email,
    phone, mobile, vat_number, street, street2, city, state, zipcode, country,
    contact_persons, is_active, metadata,
    source_modified_at as zoho_last_modified_at,
    deleted_at, created_at, updated_at, last_synced_at
from customers_cache
where source = 'zoho';

-- The names that the users of this system know.
create or replace view sumit_customers as
select
    id, account,
    source_customer_id as sumit_customer_id,
    name,
    general_email as email,
    phone,
    company_name,
    vat_number as tax_id,
    street as address,
    city, state, country,
    zipcode as zip_code,
    metadata || jsonb_build_object('last_synced_at', to_char(
        last_synced_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"'
    )) as metadata,
    primary_phone, is_active, deleted_at, created_at, updated_at, last_synced_at
from customers_cache
where source = 'sumit';

-- Revenue per customer with one join: sum(total) by golden_id and currency_code.
create or replace view invoices_all as
select
    'cache' as origin, i.id, i.account, i.source, i.source_invoice_id, i.invoice_number, i.invoice_date, i.due_date,
    i.total, i.balance, i.currency_code, i.status, i.customer_id, c.golden_id,
    coalesce(g.name, c.name) as customer_name,
    coalesce(g.country_code, c.country_code) as country_code
from invoice_rows i
left join customer_rows c on c.id = i.customer_id
left join customers g on g.id = c.golden_id
where i.deleted_at is null
union all
select
    'legacy', l.id, l.account, l.source_system, l.source_invoice_id, l.invoice_number, l.invoice_date, l.due_date,
    l.total, l.balance, l.currency_code, l.status, l.customer_id, c.golden_id,
    coalesce(g.name, c.name, l.customer_name),
    coalesce(g.country_code, c.country_code)
from legacy_invoices l
left join customer_rows c on c.id = l.customer_id
left join customers g on g.id = c.golden_id;
