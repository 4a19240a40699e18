"""Partitions: old invoices by month, from LEGACY_FIRST_MONTH to the end of next year; `undated` holds all others."""

from __future__ import annotations

import dagster as dg

from customer_assets.domain.clock import now_utc
from customer_assets.pipeline.invoices.timeline import timeline
from customer_assets.settings import Settings, build

MONTHS = timeline(build(Settings, {}).legacy_first_month, now_utc().date())
invoice_months = dg.StaticPartitionsDefinition(MONTHS)
