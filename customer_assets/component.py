"""The same definitions out of a `defs.yaml`, in a project of somebody else's that knows Dagster's components."""

from __future__ import annotations

from typing import Annotated

import dagster as dg
from pydantic import Field


class CustomerSync(dg.Component, dg.Model, dg.Resolvable):
    """Customers of Robaws, Zoho Books and SUMIT in PostgreSQL: raw pages, cache, golden records, old invoices, reminders."""

    key_prefix: Annotated[list[str], Field(default=[], description="Before the key of every asset.")]
    group_prefix: Annotated[str, Field(default="", description="Before the name of every group.")]
    accounts: Annotated[list[str], Field(default=[], description="Only these accounts; none: all.")]
    schedules: Annotated[bool, Field(default=True, description="Whether the timetable is there.")]
    include_push: Annotated[bool, Field(default=True, description="Whether anything writes to a customer's system.")]

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 (Dagster's signature)
        """As `customer_assets.build_defs`."""
        from customer_assets.guest import build_defs

        return build_defs(
            key_prefix=self.key_prefix,
            group_prefix=self.group_prefix,
            accounts=self.accounts,
            schedules=self.schedules,
            include_push=self.include_push,
        )
