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
