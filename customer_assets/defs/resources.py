"""The one resource: what a run works with, opened when it is first used."""

from __future__ import annotations

import dagster as dg
from pydantic import PrivateAttr

from customer_assets.accounts import Account
from customer_assets.pipeline.context import Context
from customer_assets.runtime.runtime import Stack, open_stack


class StackResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens the database and the accounts on first use; building definitions touches neither."""

    _opened: Stack | None = PrivateAttr(default=None)

    @property
    def stack(self) -> Stack:
        """The opened stack."""
        if self._opened is None:
            self._opened = open_stack()
        return self._opened

    def accounts(self, system: str) -> list[Account]:
        """Configured accounts of a system; in sandbox mode the sandbox's."""
        return self.stack.working.of(system)

    def context_for(self, run_id: str | None) -> Context:
        """Context of the verbs called by one Dagster run."""
        return Context(self.stack.url, self.stack.working.settings, trigger="dagster", dagster_run_id=run_id)
