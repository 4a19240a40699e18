"""SUMIT both ways: pull; and if that saw everything, push what changed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from customer_assets.accounts import Account
from customer_assets.errors import GoneError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.push.push import push_locked
from customer_assets.pipeline.push.run import PushResult
from customer_assets.pipeline.sync.pull import pull_locked, pull_one_locked
from customer_assets.pipeline.sync.run import PullOptions, SyncResult, working_connection
from customer_assets.store import runs
from customer_assets.store.database import Connection, connect, system_lock
from customer_assets.store.push import links


@dataclass(frozen=True)
class BothWays:
    """What a pull and the push after it did; no push where the pull was not complete."""

    pulls: tuple[SyncResult, ...]
    push: PushResult | None

    @property
    def success(self) -> bool:
        """All was read, and nothing failed."""
        return self.push is not None and self.push.success and all(p.status == "ok" for p in self.pulls)

    @property
    def synced(self) -> int:
        """Customers pulled and pushed."""
        return sum(p.counts.synced for p in self.pulls) + (self.push.pushed if self.push else 0)

    @property
    def message(self) -> str:
        """Both halves in one line."""
        messages = [p.message for p in self.pulls if p.message]
        if self.push is None:
            return "; ".join(["Pull failed: nothing was pushed", *messages])
        pulled = sum(p.counts.synced for p in self.pulls)
        return "; ".join([f"Pulled {pulled} customers", self.push.message, *messages])

    def as_dict(self) -> dict[str, Any]:
        """As users of the earlier plugin know it."""
        pulled: dict[str, Any] = {}
        for pull in self.pulls:
            for name, number in pull.counts.as_dict().items():
                pulled[name] = pulled.get(name, 0) + number
        pulled |= {
            "pages": sum(p.pages for p in self.pulls),
            "calls": sum(p.calls for p in self.pulls),
            "message": "; ".join(p.message for p in self.pulls if p.message),
        }
        push = self.push.as_dict() if self.push else PushResult("").as_dict()
        return {
            "success": self.success,
            "synced": self.synced,
            "message": self.message,
            "details": {"pull": pulled, "push": push},
        }


def bidirectional(
    context: Context, account: Account, *, ids: Sequence[int] | None = None, dry_run: bool = False
) -> BothWays:
    """Pull from SUMIT, then push what changed here.

    Args:
        context: database and settings.
        account: a SUMIT account.
        ids: only these cache rows; an empty list means none, None all.
        dry_run: what a pull would bring and what a push would send; all of it is undone.

    Raises:
        BusyError: another process syncs or pushes this account.
    """
    with (
        system_lock(context.url, account=account.account, system=account.system, what="bidirectional"),
        working_connection(context.url, undone=dry_run) as connection,
    ):
        pulls: tuple[SyncResult, ...]
        if ids is None:
            pulls = (pull_locked(context, connection, account, PullOptions(full=True)),)
        else:
            remote = _remote_ids(connection, account, ids)
            pulls = tuple(pull_one_locked(context, connection, account, one) for one in remote)
        spent = sum(pull.calls for pull in pulls)
        pushed = None
        if all(_is_complete(pull) for pull in pulls):
            pushed = push_locked(context, connection, account, ids=ids, dry_run=dry_run, calls_spent=spent)
    if dry_run and spent:
        with connect(context.url, name="customer_assets bidirectional") as connection:
            runs.record_dry_calls(
                connection,
                account=account.account,
                source=account.system,
                trigger=context.trigger,
                calls=spent,
            )
    return BothWays(pulls, pushed)


def _is_complete(pull: SyncResult) -> bool:
    if isinstance(pull.error, GoneError):
        return True  # one customer that is not there any more says nothing of the others
    return pull.error is None and all(landed.status == "complete" for landed in pull.landed)


def _remote_ids(connection: Connection, account: Account, ids: Sequence[int]) -> list[str]:
    found = links.load_links(connection, account=account.account, row_ids=ids)
    alive = [link.row for link in found if link.row is not None and link.row["deleted_at"] is None]
    return [str(row["source_customer_id"]) for row in alive]
