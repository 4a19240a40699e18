"""Several accounts at once: each with its own pace, lock and deadline, so that one that is slow or down holds up no other.

A host that three accounts could not connect to is not tried by the others: five hundred accounts of a system that is down would
take hours to find that out one by one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from customer_assets.accounts import Account
from customer_assets.errors import TransientError
from customer_assets.pipeline.sync.run import SyncResult
from customer_assets.sources.kit.http import host_of
from customer_assets.sources.registry import SYSTEMS

GIVEN_UP_AFTER = 3  # accounts that could not connect to a host, before the others are told so
PROBED_EACH = 10  # of the others one tries all the same


def together(
    accounts: Sequence[Account],
    do: Callable[[Account], SyncResult],
    *,
    at_once: int,
    refused: Callable[[SyncResult], None],
) -> list[SyncResult]:
    """Do something with each account, several at once; the results in the order of the accounts.

    Systems that take pushes come last: what they hold is compared with what the others say.

    Args:
        accounts: of any systems.
        do: what is done; what it raises is raised here, when all others are done.
        at_once: so many accounts at most.
        refused: told of each account that was not tried, since its host does not answer.
    """
    results: dict[int, SyncResult] = {}
    hosts = _Hosts()
    for wave in _waves(accounts):
        _in_threads([(n, accounts[n]) for n in wave], do, hosts, results, at_once=at_once, refused=refused)
    return [results[n] for n in range(len(accounts))]


def _waves(accounts: Sequence[Account]) -> list[list[int]]:
    is_last = [SYSTEMS[account.system].pushes is not None for account in accounts]
    return [[n for n in range(len(accounts)) if is_last[n] is last] for last in (False, True)]


def _in_threads(
    wave: Sequence[tuple[int, Account]],
    do: Callable[[Account], SyncResult],
    hosts: _Hosts,
    results: dict[int, SyncResult],
    *,
    at_once: int,
    refused: Callable[[SyncResult], None],
) -> None:
    waiting: SimpleQueue[tuple[int, Account]] = SimpleQueue()
    for item in wave:
        waiting.put(item)
    raised: list[BaseException] = []

    def work() -> None:
        while True:
            try:
                number, account = waiting.get_nowait()
            except Empty:
                return
            try:
                if (fault := hosts.fault(account)) is not None:
                    result = SyncResult(account.account, account.system)
                    result.fail(fault)
                    refused(result)
                else:
                    result = do(account)
                    hosts.note(account, result)
                results[number] = result
            except BaseException as error:  # noqa: BLE001 (raised where it can be seen)
                raised.append(error)

    if min(at_once, len(wave)) < 2:
        work()
    else:
        # of this process alone, and not waited for when it is told to end: what landed is kept, and locks end with it
        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(at_once, len(wave)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if raised:
        raise raised[0]


class _Hosts:
    """Which hosts nobody reached."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()

    def note(self, account: Account, result: SyncResult) -> None:
        """What became of an account."""
        with self._lock:
            unreached = result.error.host if isinstance(result.error, TransientError) else ""
            if unreached:
                self._failed[unreached] += 1
            else:  # it answered, if only with a refusal
                for host in hosts_of(account):
                    self._failed[host] = 0

    def fault(self, account: Account) -> TransientError | None:
        """Why an account is not worth trying."""
        with self._lock:
            down = next((host for host in hosts_of(account)[:1] if self._failed[host] >= GIVEN_UP_AFTER), None)
            if down is None:
                return None
            self._asked[down] += 1
            if self._asked[down] % PROBED_EACH == 0:  # it may be back meanwhile
                return None
        return TransientError(
            f"not tried: {GIVEN_UP_AFTER} other accounts could not connect to {down}", system=account.system, host=down
        )


def hosts_of(account: Account) -> list[str]:
    """Hosts of the addresses that an account's settings give, with their ports, in the order of declaration: data first."""
    return [host_of(value) for _, value in account.settings if isinstance(value, str) and "://" in value]
