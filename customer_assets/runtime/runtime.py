"""What a process works with: the configuration, the database, and the sandbox when nothing is configured.

Made-up data never meets real data: the sandbox has databases of its own on the embedded server, and a database that
is given is used for it only when it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from customer_assets.accounts import (
    Account,
    Configuration,
    build_settings,
    load_configuration,
)
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.context import Context, Progress
from customer_assets.runtime.sandbox import ensure_sandbox, sandbox_configuration
from customer_assets.settings import Settings
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import database, embedded, marks, outbox, upgrade
from customer_assets.store.pool import Pool
from customer_assets.store.reads.search import ensure_search_index
from customer_assets.store.webhooks import endpoints

PREFIXES = ", ".join(f"{name.upper()}_" for name in SYSTEMS)
NEEDS_SYSTEMS = (
    f"DATABASE_URL is set but no system is configured: set the credentials of {PREFIXES} "
    "(docs/settings.md), or give --sandbox to fill this database, if it is empty, with made-up data"
)


@dataclass(frozen=True)
class Runtime:
    """Configuration and database of one process.

    Attributes:
        configuration: as parsed; in sandbox mode without accounts, which `working` adds.
        url: our database.
        dagster_url: Dagster's own.
        key_prefix: of our assets, in somebody else's Dagster.
        is_guest: whether it is somebody else's, whose runs are not ours to delete.
    """

    configuration: Configuration
    url: str
    dagster_url: str
    key_prefix: tuple[str, ...] = ()
    is_guest: bool = False

    def as_guest(self, key_prefix: Sequence[str], accounts: Sequence[str]) -> Runtime:
        """The same in somebody else's Dagster: with prefixed assets, and, where some are named, with these accounts alone.

        Raises:
            ConfigurationError: an account is not configured.
        """
        configuration = self.configuration
        if unknown := set(accounts) - {one.account for one in configuration.accounts}:
            raise ConfigurationError(f"build_defs: no account {', '.join(sorted(unknown))} is configured")
        if accounts:
            kept = tuple(one for one in configuration.accounts if one.account in accounts)
            configuration = replace(configuration, accounts=kept)
        return replace(self, configuration=configuration, key_prefix=tuple(key_prefix), is_guest=True)

    @property
    def home(self) -> Path:
        """Folder of the embedded data."""
        return self.configuration.settings.home_path

    @cached_property
    def working(self) -> Configuration:
        """The configuration to pull with: the real one, or the sandbox's, which is started when it is not up."""
        if not self.configuration.sandbox:
            return self.configuration
        return sandbox_configuration(self.configuration.settings, ensure_sandbox(self.home))

    @property
    def owner_url(self) -> str:
        """Our database as its owner: MIGRATION_DATABASE_URL, where that is set."""
        owner = self.configuration.settings.migration_database_url
        return _plain(owner.get_secret_value()) if owner else self.url

    @cached_property
    def pool(self) -> Pool:
        """Connections for the web app's short questions."""
        return Pool(self.url, size=self.configuration.settings.database_pool, name="customer_assets web")

    def account_without_calls(self, system: str, account: str) -> Account:
        """An account for work that makes no call, such as applying deliveries: it needs no credentials and no sandbox."""
        found = [a for a in self.configuration.of(system) if a.account == account]
        return found[0] if found else Account(account, system, build_settings(system))

    @cached_property
    def receiving(self) -> tuple[Account, ...]:
        """Accounts whose deliveries can be applied; `default` where none is configured."""
        return tuple(
            account
            for system in SYSTEMS.values()
            if system.webhooks is not None
            for account in self.configuration.of(system.name) or [self.account_without_calls(system.name, "default")]
        )

    def silent_accounts(self, connection: database.Connection) -> list[str]:
        """Accounts of which no delivery came within a day although syncs found changes."""
        signed: dict[str, list[str]] = {}
        for account in self.receiving:
            if secrets_of(account):
                signed.setdefault(account.system, []).append(account.account)
        return [
            silent
            for system, names in signed.items()
            for silent in endpoints.silent_accounts(connection, names, source=system)
        ]

    def context(
        self,
        *,
        trigger: str = "cli",
        dagster_run_id: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Context:
        """What the verbs of `pipeline` are given."""
        context = Context(
            self.url,
            self.configuration.settings,
            self.configuration.accounts,
            trigger=trigger,
            dagster_run_id=dagster_run_id,
        )
        return replace(context, progress=progress) if progress else context

    def context_of_accounts(self) -> Context:
        """What the verbs are given that ask how an account's records are mapped; in sandbox mode with the sandbox's accounts."""
        return Context(self.url, self.working.settings, self.working.accounts)

    def context_of_run(self, dagster_run_id: str, *, is_scheduled: bool = False) -> Context:
        """What the verbs called by one Dagster run are given; in sandbox mode with the sandbox's own settings.

        Args:
            dagster_run_id: the run.
            is_scheduled: nobody sits before it: it waits for a lock rather than ending red.
        """
        settings = self.working.settings
        return Context(
            self.url,
            settings,
            self.working.accounts,
            trigger="dagster",
            dagster_run_id=dagster_run_id,
            lock_seconds=settings.lock_wait_minutes * 60 if is_scheduled else 0,
            account_seconds=settings.account_minutes * 60,
        )

    def tell_dagster(self, metadata: Mapping[str, Mapping[str, Any]], description: str) -> None:
        """Note work that no run did, for Dagster to be told of as one materialization an asset.

        Args:
            metadata: asset -> what Dagster is told of it; nothing is told of nothing.
            description: what was done.
        """
        if metadata and self.configuration.settings.report_to_dagster == "on":
            with database.connect(self.url, name="customer_assets report") as connection:
                outbox.add(connection, outbox.Report(description, metadata))


def secrets_of(account: Account) -> list[str]:
    """The webhook secrets that an account's settings give."""
    webhooks = SYSTEMS[account.system].webhooks
    return webhooks.secrets(account.settings) if webhooks is not None else []


def open_runtime(*, sandbox: bool = False, schema: Literal["as set", "upgrade", "leave"] = "as set") -> Runtime:
    """Read the settings, start or join the database, see to its schema.

    Args:
        sandbox: force made-up data; only into an empty database.
        schema: `upgrade` brings it up to date, as its owner where MIGRATION_DATABASE_URL is set; `leave` does not look at it;
            `as set` does what DATABASE_MIGRATE says.

    Raises:
        ConfigurationError: a setting is missing or wrong.
        DatabaseError: the schema is of another version, and is not to be, or cannot be, brought up to date.
    """
    configuration = load_configuration()
    if sandbox:
        configuration = replace(configuration, settings=configuration.settings.model_copy(update={"sandbox": True}))
    given = configuration.settings.database_url
    names = ("sandbox", "dagster_sandbox") if configuration.sandbox else ("customers", "dagster")
    if given is None:
        server = embedded.start_server(configuration.settings.home_path)
        for name in names:
            database.ensure_database(server.url("postgres"), name)
        database.relax_durability(server.url("postgres"), names[1])
        runtime = Runtime(configuration, server.url(names[0]), server.url(names[1]))
    else:
        url = _plain(given.get_secret_value())
        runtime = Runtime(configuration, url, _dagster_url(configuration.settings, url, names[1]))
    if schema != "leave":
        if configuration.sandbox:
            _refuse_real_data(runtime.url)
        _see_to_schema(runtime, given is not None, by_hand=schema == "upgrade")
        _mark(
            runtime.url,
            "sandbox" if configuration.sandbox else "real",
            only_with_systems=bool(configuration.accounts),
        )
    return runtime


def _see_to_schema(runtime: Runtime, is_given: bool, *, by_hand: bool) -> None:
    settings = runtime.configuration.settings
    owner = settings.migration_database_url
    if by_hand:
        url = runtime.owner_url
        upgrade.upgrade(url)
        if owner:
            upgrade.check(runtime.url)  # that it was the same database
        if settings.database_migrate == "check":  # who starts the web app may not make it
            with database.connect(url, name="customer_assets search index") as connection:
                ensure_search_index(connection)
    elif is_given and settings.database_migrate == "check":
        upgrade.check(runtime.url)
    else:
        upgrade.upgrade(runtime.url)


def dagster_storage_url() -> str:
    """URL of Dagster's own database, for SQLAlchemy; starts or joins the embedded server, and migrates nothing of ours."""
    return database.for_sqlalchemy(open_runtime(schema="leave").dagster_url, "psycopg2")


def _dagster_url(settings: Settings, url: str, name: str) -> str:
    """Dagster's own database: the one that is given, else one of that name on the same server, made where there is none."""
    if settings.dagster_database_url is None:
        database.ensure_database(url, name)
        return database.with_database(url, name)
    return _plain(settings.dagster_database_url.get_secret_value())


def _plain(url: str) -> str:
    """`postgres://` and SQLAlchemy's spellings as the plain URL that every driver takes."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise ConfigurationError("DATABASE_URL: write postgresql://user:password@host:port/database")
    return f"postgresql://{rest}"


def _refuse_real_data(url: str) -> None:
    """The sandbox goes into an empty database, or one that it filled itself."""
    with database.connect(url) as connection:
        if not marks.is_empty(connection) and marks.data_mark(connection) != "sandbox":
            raise ConfigurationError(
                f"{database.redacted(url)} is not empty: the sandbox's made-up data goes only into an empty database "
                "(DATABASE_URL)"
            )


def _mark(url: str, data: str, *, only_with_systems: bool) -> None:
    """Remember what the database is for."""
    if data == "real" and not only_with_systems:
        return
    with database.connect(url) as connection:
        marks.mark_data(connection, data)
        if marks.data_mark(connection) != data:
            raise ConfigurationError(
                f"{database.redacted(url)} holds the sandbox's made-up data: use another database for real customers "
                "(DATABASE_URL)"
            )
