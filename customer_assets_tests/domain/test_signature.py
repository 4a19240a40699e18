"""Signatures: what is believed, and what is refused with which reason. Two public libraries are the oracles."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from customer_assets.domain.webhooks.deliveries import open_delivery
from customer_assets.domain.webhooks.signature import SignatureError, parse_signature, sign, verify

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
T = str(int(NOW.timestamp()))
BODY = '{"id":"d1","event":"client.updated","data":{"id":"3473","name":"Café Zürich BV"}}'.encode()
SECRET = b"7f6c1b52-0000-4000-8000-000000000001"
OTHER = b"7f6c1b52-0000-4000-8000-000000000002"


def mac(t: str = T, body: bytes = BODY, secret: bytes = SECRET) -> str:
    return hmac.new(secret, f"{t}.".encode() + body, hashlib.sha256).hexdigest()


def outcome(header: bytes | str | None, body: bytes = BODY, secrets: tuple[bytes, ...] = (SECRET,)) -> str:
    """ok, or why not."""
    raw = header.encode("latin-1") if isinstance(header, str) else header
    try:
        verify(parse_signature(raw), body, secrets, now=NOW, tolerance_seconds=300)
    except SignatureError as error:
        return error.reason
    return "ok"


def shifted(seconds: int) -> str:
    t = str(int(T) + seconds)
    return f"t={t},v1={mac(t)}"


CASES = {
    "good": (f"t={T},v1={mac()}", "ok"),
    "missing": (None, "missing"),
    "empty": ("", "missing"),
    "blank": ("  ", "missing"),
    "no t": (f"v1={mac()}", "malformed"),
    "no v1": (f"t={T}", "malformed"),
    "only v0": (f"t={T},v0={mac()}", "malformed"),
    "bad and good v1": (f"t={T},v1={'0' * 64},v1={mac()}", "ok"),
    "v1 before t": (f"v1={mac()},t={T}", "ok"),
    "unknown elements": (f"v0=x,t={T},k,=,==,v1={mac()},v2=y", "ok"),
    "spaces": (f" t={T} , v1={mac()} ", "ok"),
    "two t": (f"t={T},t={T},v1={mac()}", "malformed"),
    "upper-case hex": (f"t={T},v1={mac().upper()}", "ok"),
    "t float": (f"t={T}.0,v1={mac(T + '.0')}", "malformed"),
    "t negative": (f"t=-5,v1={mac('-5')}", "malformed"),
    "t of 5,000 digits": (f"t={'9' * 5000},v1={mac('9' * 5000)}", "malformed"),
    "t in milliseconds": (f"t={T}000,v1={mac(T + '000')}", "malformed"),
    "t of other digits": ("t=١٢٣,v1=".encode() + mac().encode(), "malformed"),
    "301 s old": (shifted(-301), "too_old"),
    "300 s old": (shifted(-300), "ok"),
    "300 s ahead": (shifted(300), "ok"),
    "301 s ahead": (shifted(301), "in_the_future"),
    "old and wrongly signed": (f"t={int(T) - 301},v1={mac()}", "wrong"),
    "non-ASCII": (f"t={T},v1=é{mac()[1:]}", "malformed"),
    "short": (f"t={T},v1={mac()[:-2]}", "malformed"),
    "1,000 v1": (f"t={T}," + ",".join(f"v1={n:064x}" for n in range(999)) + f",v1={mac()}", "ok"),
    "another's secret": (f"t={T},v1={mac(secret=OTHER)}", "wrong"),
}


@pytest.mark.parametrize("case", CASES)
def test_signature_table(case: str) -> None:
    header, expected = CASES[case]
    assert outcome(header) == expected


def test_a_changed_byte_or_a_body_written_anew_is_another_body() -> None:
    header = f"t={T},v1={mac()}"
    assert outcome(header, BODY.replace(b"3473", b"3474")) == "wrong"
    assert outcome(header, BODY.replace(b'","', b'", "')) == "wrong"
    assert outcome(header, BODY.decode().encode("unicode_escape")) == "wrong"


def test_every_active_secret_is_tried() -> None:
    assert outcome(f"t={T},v1={mac(secret=OTHER)}", secrets=(SECRET, OTHER)) == "ok"
    assert outcome(f"t={T},v1={mac(secret=OTHER)}", secrets=(SECRET,)) == "wrong"


@given(header=st.binary(max_size=300), body=st.binary(max_size=50))
def test_no_header_breaks_it(header: bytes, body: bytes) -> None:
    assert outcome(header, body) != "ok"


@given(
    body=st.binary(max_size=200),
    secret=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1),
)
def test_stripe_and_we_agree(body: bytes, secret: str) -> None:
    now = datetime.now(UTC)
    header = sign(body, secret.encode(), at=now)
    signature = parse_signature(header.encode())
    assert verify(signature, body, [secret.encode()], now=now, tolerance_seconds=300) == 0
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return  # it signs text alone
    assert stripe.WebhookSignature.verify_header(text, header, secret, tolerance=300)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(text + "x", header, secret, tolerance=300)


def test_the_mac_is_the_one_of_standard_webhooks_over_the_same_bytes() -> None:
    # Standard Webhooks signs "<id>.<t>.<body>", in base64: with our t in the place of the id, the rest as its own prefix
    key = base64.b64encode(SECRET).decode()
    theirs = Webhook(key).sign(T, NOW, BODY.decode()).removeprefix("v1,")
    ours = hmac.new(SECRET, f"{T}.".encode() + f"{T}.".encode() + BODY, hashlib.sha256).digest()
    assert base64.b64decode(theirs) == ours
    assert outcome(f"t={T},v1={ours.hex()}", f"{T}.".encode() + BODY) == "ok"


@pytest.mark.parametrize(
    ("body", "event", "reads"),
    [
        (BODY, "client.updated", True),
        (b"\xef\xbb\xbf" + BODY, "client.updated", True),
        (b'{"id":5,"event":"client.updated"}', "client.updated", True),
        (b"\xff\xfe not json", "", False),
        (b"[1,2]", "", False),
        (b'{"id":"d1"}', "", False),
        (b'{"id":"d1","event":{"a":1}}', "", False),
        (b'{"id":"d1","event":"a\\u0000b"}', "", False),
        (b"[" * 100_000, "", False),
    ],
)
def test_an_envelope_is_read_or_said_to_be_unreadable(body: bytes, event: str, reads: bool) -> None:
    opened = open_delivery(body, T.encode())
    assert (opened.event, opened.error is None) == (event, reads)
    assert opened.id


def test_without_an_id_the_same_content_later_is_another_delivery() -> None:
    body = b'{"event":"client.updated","data":{}}'
    first, again = open_delivery(body, b"100"), open_delivery(body, b"100")
    assert first.id == again.id != open_delivery(body, (NOW + timedelta(seconds=1)).strftime("%s").encode()).id
