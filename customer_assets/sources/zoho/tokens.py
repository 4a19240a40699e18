"""Zoho's access token: one is shared by all processes, renewed early and by one process at a time.

Facts: docs/systems/zoho.md#tokens.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime, timedelta

import msgspec

from customer_assets.domain.clock import now_utc
from customer_assets.errors import CredentialsError, QuotaError, SourceError, TransientError
from customer_assets.sources.kit.client import TokenStore
from customer_assets.sources.kit.http import Http, Response
from customer_assets.sources.kit.pages import decode
from customer_assets.sources.zoho.settings import ZohoSettings

SYSTEM = "zoho"
RENEW_BEFORE = timedelta(minutes=5)


class _Token(msgspec.Struct):
    access_token: str = ""
    expires_in: int = 3600
    error: str = ""


class AccessToken:
    """The token of one grant.

    Args:
        settings: the grant, and the accounts server.
        tokens: where it lives, so that nobody runs into the limit of ten tokens per ten minutes.
        http: by which it is renewed.
    """

    def __init__(self, settings: ZohoSettings, tokens: TokenStore, http: Http) -> None:
        self._settings, self._tokens, self._http = settings, tokens, http
        self._secrets = {name: _revealed(settings, name) for name in ("client_id", "client_secret", "refresh_token")}
        grant = "/".join([settings.accounts_url, *self._secrets.values()])
        self._fingerprint = hashlib.sha256(grant.encode()).hexdigest()[:24]
        self._token: str | None = None
        self._expires_at: datetime | None = None
        self._error: SourceError | None = None
        self._renewing = asyncio.Lock()

    async def valid(self, dead: str | None = None) -> str:
        """The shared access token, renewed early; at most one process renews it."""
        async with self._renewing:
            if self._error is not None:
                raise self._error
            if not self._usable(self._token, self._expires_at, dead):
                try:
                    await self._renew(dead)
                except SourceError as error:
                    self._error = error  # asking again would lengthen the lock-out
                    raise
            if self._token is None:
                raise RuntimeError("a renewal ends with a token or an error")
            return self._token

    @staticmethod
    def _usable(token: str | None, expires_at: datetime | None, dead: str | None) -> bool:
        return token is not None and token != dead and expires_at is not None and now_utc() < expires_at

    async def _renew(self, dead: str | None) -> None:
        with self._tokens.locked(self._fingerprint) as slot:
            if not self._usable(slot.token, slot.expires_at, dead):
                answer: _Token = await self._http.call(
                    "POST",
                    "/oauth/v2/token",
                    read=self._read_token,
                    base_url=self._settings.accounts_url,
                    counted=False,
                    data={**self._secrets, "grant_type": "refresh_token"},
                )
                # renewed early, but a token that lives shorter than that is used for half its life
                early = min(RENEW_BEFORE, timedelta(seconds=answer.expires_in / 2))
                slot.save(answer.access_token, now_utc() + timedelta(seconds=answer.expires_in) - early)
            self._token, self._expires_at = slot.token, slot.expires_at

    @staticmethod
    def _read_token(response: Response) -> _Token:
        """Errors come under HTTP 200 too; success is that the token is there (docs/systems/zoho.md#tokens)."""
        if response.status_code >= 500:
            raise TransientError(f"zoho token: HTTP {response.status_code}", system=SYSTEM)
        answer: _Token = decode(response.content, _Token, system=SYSTEM, what="token")
        if answer.access_token:
            return answer
        if answer.error == "Access Denied":
            raise QuotaError(
                "zoho: too many tokens were asked for; the token service is closed for ten minutes, "
                "and asking again lengthens that. The credentials may be right",
                system=SYSTEM,
            )
        mend = {
            "invalid_code": "the refresh token is revoked or of another data centre: check ZOHO_REFRESH_TOKEN and "
            "ZOHO_ACCOUNTS_URL, or give consent anew",
            "invalid_client": "check ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET and ZOHO_ACCOUNTS_URL",
        }.get(answer.error, "check the ZOHO_ settings")
        raise CredentialsError(f"zoho: no access token ({answer.error or 'no reason given'}): {mend}", system=SYSTEM)


def _revealed(settings: ZohoSettings, name: str) -> str:
    secret = getattr(settings, name)
    if secret is None:
        raise CredentialsError(f"zoho: no credentials (ZOHO_{name.upper()})", system=SYSTEM)
    return str(secret.get_secret_value())
