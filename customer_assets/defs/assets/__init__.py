"""The assets, one module for what belongs together: raw pages, the cache, old invoices, customers, reminders, pushes."""
