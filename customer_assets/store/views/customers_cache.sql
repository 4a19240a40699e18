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
