create table invoice_reminder_state (
    invoice_id bigint primary key references invoice_rows (id) on delete cascade,
    reason text not null,
    decided_at timestamptz not null default now()
);
comment on table invoice_reminder_state is
    'For every invoice whether it is reminded of, and if not, why: the reasons add up to all invoices.';
comment on column invoice_reminder_state.invoice_id is 'invoices_cache.id';
comment on column invoice_reminder_state.reason is 'why nobody is reminded of it, or `planned`';
comment on column invoice_reminder_state.decided_at is 'since when';
