"""The Python interface, for notebooks and scripts: frames of customers, invoices and changes, a sync, an explanation.

import customer_assets as ca

with ca.open() as assets:
    assets.customers()
    assets.sync("robaws")
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from customer_assets.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa

    from customer_assets.pipeline.identity.explain import Explanation
    from customer_assets.pipeline.sync.run import SyncResult
    from customer_assets.runtime.runtime import Runtime
    from customer_assets.store.database import Connection

Frames = Literal["pandas", "arrow"]


class Assets:
    """What `customer_assets.open` gives: the database of this configuration, and what can be done with it.

    Works wherever Python runs, also inside a running event loop. Every frame is read anew.
    """

    def __init__(self, runtime: Runtime, *, frames: Frames = "pandas") -> None:
        if frames not in ("pandas", "arrow"):
            raise ConfigurationError(f"frames={frames!r}: pandas or arrow")
        self._runtime, self._frames = runtime, frames

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open between calls; here so that `with` reads as it does everywhere."""

    @property
    def url(self) -> str:
        """The database, for SQL."""
        return self._runtime.url

    def customers(self) -> Any:
        """Golden records: one row per real customer across systems."""
        from customer_assets.store.reads import frames

        return self._frame(frames.customers)

    def customers_cache(self) -> Any:
        """One row per customer record of a system, as the source has it, normalized columns beside."""
        from customer_assets.store.reads import frames

        return self._frame(frames.customers_cache)

    def invoices(self) -> Any:
        """All invoices: those of systems and the imported old ones."""
        from customer_assets.store.reads import frames

        return self._frame(frames.invoices)

    def changes(self, since: datetime | str | None = None) -> Any:
        """What changed of customers, field by field.

        Args:
            since: a time, or an ISO text; UTC where it names no zone. None: all that is kept.
        """
        from customer_assets.store.reads import frames

        return self._frame(lambda connection: frames.changes(connection, _moment(since)))

    def as_of(self, at: datetime | str) -> Any:
        """Golden records as they were at a time, by the history that is kept."""
        from customer_assets.store.reads import frames

        moment = _moment(at)
        if moment is None:
            raise ConfigurationError("as_of: name a time")
        return self._frame(lambda connection: frames.customers_as_of(connection, moment))

    def sync(
        self, system: str, *, account: str | None = None, full: bool = False, limit: int | None = None
    ) -> list[SyncResult]:
        """Pull a system's accounts into the cache.

        Args:
            system: its name, such as robaws.
            account: only this one.
            full: read everything, whatever is known already.
            limit: at most so many records of each list.

        Returns:
            What was done, by account; what a system could not do is in `error`, not raised.

        Raises:
            BusyError: another process syncs it.
            ConfigurationError: there is no such system, or no such account.
        """
        from customer_assets.pipeline.sync.pull import pull
        from customer_assets.pipeline.sync.run import PullOptions
        from customer_assets.sources.registry import SYSTEMS

        if system not in SYSTEMS:
            raise ConfigurationError(f"{system}: there are {', '.join(SYSTEMS)}")
        accounts = [a for a in self._runtime.working.of(system) if account in (None, a.account)]
        if not accounts:
            raise ConfigurationError(f"{system}: no account {account or ''} is configured".replace("  ", " "))
        context, options = self._runtime.context(), PullOptions(full=full, limit=limit)
        return [pull(context, chosen, options) for chosen in accounts]

    def explain(self, one: int | str, other: int | str) -> Explanation:
        """Why two records are, or are not, one customer.

        Args:
            one, other: a cache row by its id or as `system:id`, an old invoice as `legacy:id`.

        Raises:
            NotFoundError: there is no such record.
        """
        from customer_assets.pipeline.identity.explain import explain

        return explain(self._runtime.context(), str(one), str(other))

    def _frame(self, read: Callable[[Connection], pa.Table]) -> Any:
        from customer_assets.store.database import connect

        with closing(connect(self._runtime.url, name="customer_assets python")) as connection:
            table = read(connection)
        if self._frames == "arrow":
            return table
        try:
            return table.to_pandas()
        except ImportError:
            raise ConfigurationError("pandas is not installed; open(frames='arrow') needs none") from None


def open_assets(*, frames: Frames = "pandas", sandbox: bool = False) -> Assets:
    """The database of this configuration (environment, .env, accounts.toml), migrated and ready.

    Args:
        frames: what the methods return: pandas frames, or Arrow tables.
        sandbox: made-up data, into an empty database only.

    Raises:
        ConfigurationError: the settings do not allow it.
    """
    from customer_assets.runtime.runtime import open_runtime

    return Assets(open_runtime(sandbox=sandbox), frames=frames)


def _moment(given: datetime | str | None) -> datetime | None:
    if given is None:
        return None
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise ConfigurationError(f"{given}: no time; write 2026-11-25 or 2026-11-25T08:00+01:00") from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)
