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
