"""What every verb is given: the database, the settings, who asks, and whom to tell about progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from customer_assets.accounts import Account
from customer_assets.domain.phone import Regions
from customer_assets.errors import ConfigurationError
from customer_assets.settings import Settings
from customer_assets.sources.registry import SYSTEMS


@dataclass(frozen=True, slots=True)
class Progress:
    """One step forward of one stream."""

    account: str
    system: str
    stream: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Context:
    """Where and for whom a verb works.

    Attributes:
        url: the database.
        settings: those that belong to no single system.
        accounts: those that are configured.
        trigger: cli, dagster or web; stands in sync_runs.
        dagster_run_id: the run that it is part of.
        progress: told about pages as they land.
        lock_seconds: how long to wait for somebody who syncs the same account.
        account_seconds: after so long an account's calls are broken off, and the next run goes on from there; None: never.
    """

    url: str
    settings: Settings
    accounts: tuple[Account, ...] = ()
    trigger: str = "cli"
    dagster_run_id: str | None = None
    progress: Callable[[Progress], None] = lambda _progress: None
    lock_seconds: float = 0
    account_seconds: float | None = None

    @property
    def account_names(self) -> list[str]:
        """The accounts that are configured."""
        return sorted({one.account for one in self.accounts})

    def account_of_invoices(self, given: str | None) -> str:
        """Whose the old invoices of a file are: the account that was named, or the only one.

        Raises:
            ConfigurationError: it is not configured, or there are several and none was named.
        """
        names = self.account_names or ["default"]
        if given is not None:
            if self.accounts and given not in (*names, "default"):
                raise ConfigurationError(f"no account {given} is configured; there are {', '.join(names)}")
            return given
        if len(names) > 1 and "default" not in names:
            raise ConfigurationError(
                f"whose are these invoices? There are accounts {', '.join(names)}: name one with --account "
                "(LEGACY_INVOICES_ACCOUNT for the nightly import)"
            )
        return names[0] if len(names) == 1 else "default"

    def regions(self, account: str, source: str, settings: Any = None) -> Regions:
        """What tells the country of phone numbers of an account, besides its customers.

        Args:
            account, source: whose rows.
            settings: those of the account at that system; None: they are looked up.
        """
        if settings is None:
            settings = next((a.settings for a in self.accounts if (a.account, a.system) == (account, source)), None)
        own = getattr(settings, "phone_region", None) or self.settings.default_region
        system = SYSTEMS.get(source)
        return Regions(own, system.unproven_countries if system else frozenset())
