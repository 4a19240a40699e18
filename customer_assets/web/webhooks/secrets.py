"""The receiver's signing secrets: those of the settings, and those of the endpoints that we registered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from customer_assets.accounts import Account
from customer_assets.errors import CustomerAssetsError
from customer_assets.runtime.runtime import secrets_of
from customer_assets.store.database import connect
from customer_assets.store.webhooks.endpoints import live_secrets

RENEW_SECONDS = 30.0
SOONEST_SECONDS = 1.0  # wrong signatures make us look again, but no oftener


@dataclass(frozen=True, slots=True)
class SecretSet:
    """Secrets, and the account of each."""

    values: tuple[bytes, ...]
    accounts: tuple[str, ...]


class Secrets:
    """All secrets that a delivery may be signed with."""

    def __init__(self, url: str, accounts: Sequence[Account], *, source: str) -> None:
        self._url, self._source = url, source
        self._configured = [
            (account.account, secret)
            for account in accounts
            if account.system == source
            for secret in secrets_of(account)
        ]
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self.known = _secret_set(self._configured)

    async def renewed(self) -> SecretSet:
        """Read the registered ones again, unless that was done a moment ago."""
        async with self._lock:
            if time.monotonic() - self._read_at >= SOONEST_SECONDS:
                await self._read()
        return self.known

    async def run(self) -> None:
        """Renew them now and then, until cancelled."""
        while True:
            await self.renewed()
            await asyncio.sleep(RENEW_SECONDS)

    async def _read(self) -> None:
        self._read_at = time.monotonic()
        try:
            registered = await asyncio.to_thread(self._registered)
        except (psycopg.Error, CustomerAssetsError):
            return  # the database is away: those we know still hold
        self.known = _secret_set([*self._configured, *registered])

    def _registered(self) -> list[tuple[str, str]]:
        with connect(self._url, name="customer_assets receiver secrets", timeout=2, statement_seconds=1) as connection:
            return live_secrets(connection, source=self._source)


def _secret_set(pairs: Sequence[tuple[str, str]]) -> SecretSet:
    return SecretSet(tuple(secret.encode() for _, secret in pairs), tuple(account for account, _ in pairs))
