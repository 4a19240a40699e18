"""Partitions: old invoices by month. Keys are added by the import; `undated` holds invoices without a date."""

from __future__ import annotations

import dagster as dg

invoice_months = dg.DynamicPartitionsDefinition(name="invoice_months")
