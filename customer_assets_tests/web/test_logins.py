"""Logging in with a second factor, and with an identity provider: a small one of our own, over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from customer_assets.accounts import Configuration
from customer_assets.errors import ConfigurationError
from customer_assets.runtime.oidc import Provider
from customer_assets.runtime.runtime import Runtime
from customer_assets.settings import Settings
from customer_assets.store import second_factor, users
from customer_assets.web.app import build_app
from customer_assets.web.console import vouched
from customer_assets_tests.conftest import Company, Serving
from customer_assets_tests.web.conftest import PASSWORD, Visitor, Web, form_of, stack_of

pytestmark = pytest.mark.slow


def code_of(secret: str, moment: float) -> str:
    return str(pyotp.TOTP(secret).at(moment))


@contextmanager
def visitor_of(address: str) -> Iterator[Visitor]:
    visitor = Visitor(address)
    with visitor.client:
        yield visitor


def set_up(visitor: Visitor, moment: float | None = None) -> str:
    """Set an authenticator up as a person does, with its code of this moment (seconds; by default now); its secret."""
    moment = time.time() if moment is None else moment
    page = visitor.post("/me", action="authenticator").text
    assert "<svg" in page
    form = form_of(page, 'value="code"')
    answer = visitor.client.post("/me", data=form | {"code": code_of(form["secret"], moment), "action": "code"})
    assert answer.status_code == 303
    return form["secret"]


def test_a_login_asks_for_a_code_that_is_taken_once(company: Company, site: Web, visitors: dict[str, Visitor]) -> None:
    moment = time.time()  # the codes of one moment: the test may last into the next half minute
    secret = set_up(visitors["editor"], moment)
    known = {"name": "editor", "password": PASSWORD}
    with visitor_of(site.address) as somebody:

        def tried(**fields: str) -> int:
            return somebody.client.post("/login", data=known | fields).status_code

        assert tried() == tried(code="000000") == 401
        assert tried(code=code_of(secret, moment)) == 401  # it set it up, and was taken by that
        after = code_of(secret, moment + 30)
        assert tried(code=after, password="wrong") == 401
        assert tried(code=f" {after[:3]} {after[3:]} ") == 303
        assert tried(code=after) == 401
    assert visitors["viewer"].client.get("/me").text.count("Set one up") == 1


def test_who_lost_the_authenticator_is_helped_and_nobody_else_takes_it_away(
    company: Company, site: Web, visitors: dict[str, Visitor]
) -> None:
    set_up(visitors["editor"])
    assert (
        "wrong"
        in visitors["editor"]
        .get(visitors["editor"].post("/me", action="no-code", old="not the password").headers["location"])
        .text
    )
    assert second_factor.is_set_up(company.connection, "editor")
    assert visitors["viewer"].post("/users", action="no-code", name="editor").status_code == 403
    assert "with a code" in visitors["admin"].get("/users").text
    visitors["admin"].post("/users", action="no-code", name="editor")
    with visitor_of(site.address) as again:
        assert again.log_in("editor").status_code == 303
    set_up(visitors["editor"])
    visitors["editor"].post("/me", action="no-code", old=PASSWORD)
    assert not second_factor.is_set_up(company.connection, "editor")


def test_a_wrong_first_code_sets_nothing_up(company: Company, visitors: dict[str, Visitor]) -> None:
    form = form_of(visitors["editor"].post("/me", action="authenticator").text, 'value="code"')
    for code in ("", "123", "abcdef", "०१२३४५"):
        said = visitors["editor"].post("/me", action="code", secret=form["secret"], code=code)
        assert "not of that secret" in visitors["editor"].get(said.headers["location"]).text
    assert not second_factor.is_set_up(company.connection, "editor")


def signed_with_the_public_key(claims: dict[str, Any], secret: bytes) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "one"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = base64.urlsafe_b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).rstrip(b"=")
    return (signed + b"." + mac).decode()


def test_a_second_factor_is_not_replaced_by_who_finds_a_screen_open(
    company: Company, visitors: dict[str, Visitor]
) -> None:
    secret = set_up(visitors["editor"])
    other = second_factor.new_secret()
    said = visitors["editor"].post("/me", action="code", secret=other, code=code_of(other, time.time()))
    assert "set up already" in visitors["editor"].get(said.headers["location"]).text
    assert company.value("select totp_secret from ops.users where name = 'editor'") == secret
    for odd in ("not base32!", "A", "", "\x00"):
        assert visitors["viewer"].post("/me", action="code", secret=odd, code="123456").status_code == 303


class Issuer:
    """An identity provider that lets in whom it is told to."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.address = ""
        self.claims: dict[str, Any] = {}  # what it says besides, or instead
        self.userinfo: dict[str, Any] = {}
        self.signed_with: Any = self.key
        self.algorithm = "RS256"
        self.asked: dict[str, list[str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.configuration),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
                Route("/userinfo", self.about),
            ]
        )

    async def configuration(self, _request: Request) -> Response:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        found = {name: f"{self.address}/{path}" for name, path in names.items()}
        return JSONResponse({"issuer": self.address, "userinfo_endpoint": f"{self.address}/userinfo", **found})

    async def authorize(self, request: Request) -> Response:
        self.asked = parse_qs(request.url.query)
        assert self.asked["response_type"] == ["code"]
        return RedirectResponse(f"{self.asked['redirect_uri'][0]}?code=the-code&state={self.asked['state'][0]}")

    async def token(self, request: Request) -> Response:
        form = await request.form()
        known = base64.b64encode(b"console:hush").decode()
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if request.headers.get("authorization") != f"Basic {known}" or challenge != self.asked["code_challenge"][0]:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        now = int(time.time())
        claims = {
            "iss": self.address,
            "sub": "4711",
            "aud": "console",
            "iat": now,
            "exp": now + 60,
            "nonce": self.asked["nonce"][0],
            "preferred_username": "Anna",
            "groups": ["office"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        token = (
            jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signed_with)
            if self.algorithm == "RS256"
            else signed_with_the_public_key(claims, self.key.as_pem(private=False))
        )
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": token})

    async def keys(self, _request: Request) -> Response:
        unknown = {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "two"}
        return JSONResponse({"keys": [unknown, {"kty": "??"}, self.key.as_dict(private=False)]})

    async def about(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer a"
        return JSONResponse(self.userinfo)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    with Serving(found.app) as address:
        found.address = address
        yield found


@pytest.fixture
def house(company: Company, issuer: Issuer) -> Iterator[str]:
    """The console, with this provider."""
    own = Settings().model_copy(
        update={
            "report_to_dagster": "off",
            "oidc_issuer": issuer.address,
            "oidc_client_id": "console",
            "oidc_client_secret": SecretStr("hush"),
            "oidc_roles": {"office": "editor", "bosses": "admin"},
            "oidc_name": "Office <SSO>",
        }
    )
    users.add_user(company.connection, "admin", PASSWORD, role="admin")
    runtime = Runtime(Configuration(own, stack_of(company).configuration.accounts), company.url, company.url)
    with Serving(build_app(runtime), lifespan="on") as address:
        yield address


def come(house: str, path: str = "/login/provider") -> httpx.Response:
    """Through the provider and back, as a browser goes."""
    with httpx.Client(base_url=house, follow_redirects=True, timeout=20) as client:
        return client.get(path)


def test_a_group_says_what_somebody_may_do(company: Company, issuer: Issuer, house: str) -> None:
    page = httpx.get(f"{house}/login?next=/invoices").text
    assert "Office &lt;SSO&gt;" in page
    assert 'href="/login/provider?next=/invoices"' in page
    here = come(house, "/login/provider?next=/invoices")
    assert here.url.path == "/invoices"
    assert "anna (editor)" in here.text
    issuer.claims = {"groups": ["office", "bosses"], "preferred_username": "Anna-Renamed"}
    assert "anna (admin)" in come(house).text  # the same person, whatever the name
    issuer.claims = {"groups": None}
    issuer.userinfo = {"sub": "4711", "groups": ["office"]}
    assert "anna (editor)" in come(house).text
    assert company.value("select count(*) from ops.users") == 2
    assert not users.knows_password(company.connection, "anna", "!")
    assert "admin" in company.value("select string_agg(details ->> 'role', ' ') from ops.audit_log where who = 'anna'")


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"groups": ["cleaners"]}, "none of your groups"),
        ({"groups": None}, "none of your groups"),
        ({"nonce": "another"}, "does not hold"),
        ({"nonce": None}, "does not hold"),
        ({"aud": "another"}, "does not hold"),
        ({"aud": ["console", "another"]}, "does not hold"),  # without saying for whom
        ({"iss": "https://evil.example"}, "does not hold"),
        ({"exp": 1}, "does not hold"),
        ({"sub": None}, "does not hold"),
        ({"preferred_username": "ADMIN "}, "another user here"),
    ],
)
def test_what_does_not_hold_lets_nobody_in(
    company: Company, issuer: Issuer, house: str, claims: Any, says: str
) -> None:
    issuer.claims, issuer.userinfo = claims, {"sub": "another", "groups": ["bosses"]}
    answer = come(house)
    assert answer.status_code == 403
    assert says in answer.text
    assert company.value("select count(*) from ops.sessions") == 0
    assert company.value("select count(*) from ops.audit_log where action = 'failed to log in'") == 1


def test_only_the_providers_key_signs(company: Company, issuer: Issuer, house: str) -> None:
    issuer.signed_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert "does not hold" in come(house).text
    # its public key as a shared secret: an old way in
    issuer.algorithm = "HS256"
    assert "does not hold" in come(house).text
    assert company.value("select count(*) from ops.sessions") == 0


def test_a_login_that_was_begun_elsewhere_is_none(company: Company, issuer: Issuer, house: str) -> None:
    assert come(house, "/login/provider/back?code=the-code&state=x").status_code == 400
    with httpx.Client(base_url=house, timeout=20) as client:
        there = client.get("/login/provider").headers["location"]
        state = parse_qs(urlsplit(there).query)["state"][0]
        issuer.asked = parse_qs(urlsplit(there).query)
        assert client.get("/login/provider/back?code=the-code&state=wrong").status_code == 400
        refused = client.get(f"/login/provider/back?error=access_denied&state={state}")
        assert refused.status_code == 403
        assert "access_denied" in refused.text
        client.cookies.set("customer_assets_attempt", "zz", path="/login/provider/back")
    assert company.value("select count(*) from ops.sessions") == 0


def test_attempts_of_one_address_are_throttled(company: Company, house: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vouched, "ATTEMPTS", 3)
    with httpx.Client(base_url=house, timeout=20) as client:
        assert [client.get("/login/provider").status_code for _ in range(4)] == [303, 303, 303, 429]
    assert company.value("select count(*) from ops.audit_log where action = 'failed to log in'") == 0


def test_who_is_kept_out_stays_out_and_passwords_are_for_emergencies(
    company: Company, issuer: Issuer, house: str
) -> None:
    assert come(house).status_code == 200
    users.disable(company.connection, "anna", is_disabled=True)
    assert "kept out" in come(house).text
    issuer.claims = {"iss": "https://evil.example"}
    assert come(house).status_code == 403
    with visitor_of(house) as admin:
        assert admin.log_in("admin").status_code == 303


def test_a_dead_provider_is_said(company: Company) -> None:
    own = Settings().model_copy(
        update={"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "x", "oidc_client_secret": SecretStr("y")}
    )
    with pytest.raises(Exception, match="does not answer"):
        Provider(own, back="http://x/back").begin()
    runtime = Runtime(Configuration(own, stack_of(company).configuration.accounts), company.url, company.url)
    with Serving(build_app(runtime), lifespan="on") as address:
        answer = come(address)
        assert answer.status_code == 503
        assert re.search(r"provider does not answer", answer.text)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"OIDC_ISSUER": "https://id.example"}, "belong together"),
        ({"OIDC_ISSUER": "http://id.example", "OIDC_CLIENT_ID": "x"}, "no https address"),
        ({"OIDC_ROLES": '{"a": "king"}'}, "OIDC_ROLES"),
    ],
)
def test_half_a_provider_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], says: str
) -> None:
    from customer_assets.accounts import load_configuration

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=says):
        load_configuration()
