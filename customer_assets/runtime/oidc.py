"""Login by OpenID Connect: authorization code with PKCE, by Authlib; the provider's groups say what somebody may do here."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from customer_assets.errors import ConfigurationError, TransientError
from customer_assets.settings import LoginSettings

ROLES = ("viewer", "editor", "admin")  # the more the later
ANYBODY = "*"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]  # no shared secrets, and never `none`
TIMEOUT_SECONDS = 10
LEEWAY_SECONDS = 60
KNOWN_SECONDS = 300
_known: dict[str, tuple[float, dict[str, Any]]] = {}  # issuer -> (when, what it said of itself)
SCOPE = "openid profile email"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the browser keeps while somebody is at the provider."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for.

    Attributes:
        subject: issuer and subject.
        name: what they are called.
        role: what they may do.
    """

    subject: str
    name: str
    role: str


class Provider:
    """One identity provider."""

    def __init__(self, settings: LoginSettings, *, back: str) -> None:
        """The provider of some settings.

        Args:
            settings: with OIDC_ISSUER and what belongs to it.
            back: address of ours to which it sends people.
        """
        self._settings, self._back = settings, back
        self._issuer = str(settings.oidc_issuer)

    def begin(self) -> tuple[str, Attempt]:
        """Where the browser goes, and what it brings back.

        Raises:
            TransientError: the provider does not answer.
        """
        attempt = Attempt(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
        with self._client(attempt) as client:
            address, _ = client.create_authorization_url(
                self._configuration()["authorization_endpoint"],
                state=attempt.state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
            )
        return str(address), attempt

    def end(self, attempt: Attempt, answer: str) -> Person:
        """Who came back.

        Args:
            attempt: what the browser kept.
            answer: the address that it came back to.

        Raises:
            ConfigurationError: the provider or its answer is not to be believed, or nobody may come in with these groups.
            TransientError: the provider does not answer.
        """
        import requests
        from authlib.common.errors import AuthlibBaseError

        said = parse_qs(urlsplit(answer).query)
        if not hmac.compare_digest(said.get("state", [""])[0].encode(), attempt.state.encode()):
            raise ConfigurationError("this login was begun elsewhere: begin again")
        if "code" not in said:
            raise ConfigurationError(f"the identity provider refused: {said.get('error', ['no code'])[0][:60]}")
        found = self._configuration()
        if found.get("issuer") != self._issuer:
            raise ConfigurationError(f"OIDC_ISSUER is {self._issuer}, and it calls itself {found.get('issuer')}")
        try:
            with self._client(attempt) as client:
                token = client.fetch_token(
                    found["token_endpoint"],
                    authorization_response=answer,
                    code_verifier=attempt.verifier,
                    timeout=TIMEOUT_SECONDS,
                )
                claims = self._claims(str(token.get("id_token", "")), attempt, self._asked(found["jwks_uri"]))
                if self._settings.oidc_groups_claim not in claims and "userinfo_endpoint" in found:
                    more = client.get(found["userinfo_endpoint"], timeout=TIMEOUT_SECONDS).json()
                    claims = {**(more if more.get("sub") == claims["sub"] else {}), **claims}
        except requests.RequestException as error:
            raise TransientError(f"the identity provider does not answer: {type(error).__name__}") from None
        except AuthlibBaseError as error:
            raise ConfigurationError(f"the identity provider refused: {error.error}") from None
        return self._person(claims)

    def _client(self, attempt: Attempt) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        secret = self._settings.oidc_client_secret
        return OAuth2Session(
            self._settings.oidc_client_id,
            secret.get_secret_value() if secret else None,
            scope=SCOPE,
            redirect_uri=self._back,
            state=attempt.state,
            code_challenge_method="S256",
        )

    def _configuration(self) -> dict[str, Any]:
        """What the provider says of itself; it is asked every few minutes."""
        at, found = _known.get(self._issuer, (0.0, {}))
        if not found or time.monotonic() - at > KNOWN_SECONDS:
            found = self._asked(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            if not {"authorization_endpoint", "token_endpoint", "jwks_uri"} <= found.keys():
                raise TransientError("the identity provider does not answer as one")
            _known[self._issuer] = time.monotonic(), found
        return found

    def _asked(self, address: str) -> dict[str, Any]:
        try:
            found = httpx.get(address, timeout=TIMEOUT_SECONDS).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise TransientError(f"the identity provider does not answer: {type(error).__name__}") from None
        if not isinstance(found, dict):
            raise TransientError("the identity provider does not answer as one")
        return found

    def _claims(self, id_token: str, attempt: Attempt, keys: dict[str, Any]) -> dict[str, Any]:
        """What a token says that the provider signed, for us, now, in this attempt."""
        from authlib.common.errors import AuthlibBaseError
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        client_id = self._settings.oidc_client_id
        try:
            token = jwt.decode(id_token, KeySet(_usable(keys)), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {"iss": {"essential": True, "value": self._issuer}, "aud": {"essential": True, "value": client_id}},
                {"nonce": attempt.nonce, "client_id": client_id},
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, AuthlibBaseError, ValueError, TypeError) as error:
            raise ConfigurationError(f"the identity provider's token does not hold: {type(error).__name__}") from None
        return dict(token.claims)

    def _person(self, claims: dict[str, Any]) -> Person:
        said = claims.get(self._settings.oidc_groups_claim) or []
        groups = {ANYBODY, *([said] if isinstance(said, str) else map(str, said))}
        roles = [role for group, role in self._settings.oidc_roles.items() if group in groups]
        if not roles:
            raise ConfigurationError("none of your groups may come in here (OIDC_ROLES)")
        name = claims.get("preferred_username") or claims.get("email") or claims["sub"]
        return Person(f"{self._issuer} {claims['sub']}", str(name)[:100], max(roles, key=ROLES.index))


def _usable(keys: dict[str, Any]) -> list[Any]:
    """Keys that we know what to do with: one of another kind is no reason to refuse what the others signed."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    found: list[Any] = []
    for key in keys.get("keys") or []:
        try:
            found.append(JWKRegistry.import_key(key))
        except (JoseError, KeyError, ValueError, TypeError):
            continue
    return found
