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
