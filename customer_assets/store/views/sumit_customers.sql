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
