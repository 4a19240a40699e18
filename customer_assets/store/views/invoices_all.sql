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
