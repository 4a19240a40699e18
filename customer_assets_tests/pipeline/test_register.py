"""Webhook endpoints: registered once, verified, rotated with both secrets alive, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from customer_assets.errors import ConfigurationError, PermanentError
from customer_assets.pipeline.webhooks.register import Registration, delete_endpoints, register_webhook
from customer_assets.store.webhooks.endpoints import silent_accounts
from customer_assets.web.webhooks.receiver import PATH
from customer_assets_tests.conftest import Company
from customer_assets_tests.web.conftest import Web, serving, until

NOWHERE = "http://127.0.0.1:9/api/webhooks/robaws/customers"
EVENTS = ("client.created", "client.updated")

pytestmark = pytest.mark.slow


def register(company: Company, url: str = NOWHERE, **how: Any) -> Registration:
    how = {"events": EVENTS, **how}
    return register_webhook(company.context, company.account("robaws"), url=url, **how)


def endpoints(company: Company) -> list[str]:
    return sorted(company.world.webhooks)


def test_it_is_registered_once(company: Company) -> None:
    first = register(company)
    assert (first.outcome, first.verified, endpoints(company)) == ("registered", None, [first.endpoint_id])
    assert "cannot be reached from here" in first.message
    again = register(company)
    assert (again.outcome, again.endpoint_id, endpoints(company)) == (
        "already",
        first.endpoint_id,
        [first.endpoint_id],
    )
    row = company.rows("select secret, url, events from ops.webhook_endpoints")[0]
    assert row["secret"] == company.world.webhooks[first.endpoint_id]["secret"]
    assert (row["url"], row["events"]) == (NOWHERE, list(EVENTS))


def test_an_endpoint_whose_secret_nobody_holds_is_replaced(company: Company) -> None:
    lost = register(company)
    company.connection.execute("delete from ops.webhook_endpoints")
    found = register(company)
    assert found.endpoint_id != lost.endpoint_id
    assert (found.removed, endpoints(company)) == ([lost.endpoint_id], [found.endpoint_id])


def test_one_whose_secret_is_in_the_settings_is_adopted(company: Company) -> None:
    lost = register(company)
    company.connection.execute("delete from ops.webhook_endpoints")
    account = company.account("robaws", webhook_secret="known")
    found = register_webhook(company.context, account, url=NOWHERE, events=EVENTS)
    assert (found.outcome, found.endpoint_id, endpoints(company)) == (
        "adopted",
        lost.endpoint_id,
        [lost.endpoint_id],
    )
    assert found.verified is None
    with pytest.raises(ConfigurationError, match="give --rotate"):
        register_webhook(company.context, account, url=NOWHERE, events=["client.deleted"])
    company.world.webhooks["other"] = {"id": "other", "secret": "?", "url": NOWHERE, "events": list(EVENTS)}
    with pytest.raises(ConfigurationError, match="nobody knows whose"):
        register_webhook(company.context, account, url=NOWHERE, events=EVENTS)
    assert len(endpoints(company)) == 2


def test_a_rotation_that_cannot_delete_adds_no_more(company: Company) -> None:
    register(company)
    for _ in range(2):
        company.fault("robaws", "405", match="webhook-endpoints/")
        with pytest.raises(PermanentError, match="and keep"):
            register(company, rotate=True)
    assert len(endpoints(company)) == 2
    assert register(company, rotate=True).outcome == "rotated"
    assert len(endpoints(company)) == 1


def test_silence_although_syncs_find_changes_is_seen(company: Company) -> None:
    company.pull("robaws")
    with_secrets: list[str] = []

    def silent() -> list[str]:
        return silent_accounts(company.connection, with_secrets, source="robaws")

    register(company)
    assert silent() == []  # it is new
    company.connection.execute("update ops.webhook_endpoints set registered_at = now() - interval '2 days'")
    assert silent() == ["default"]
    company.connection.execute("delete from ops.webhook_endpoints")
    assert silent() == []
    with_secrets.append("default")
    assert silent() == []  # its first sync was a moment ago
    company.connection.execute(
        "insert into sync_runs (source, kind, trigger, status, started_at) values ('robaws', 'full', 'cli', 'ok', now() - interval '2 days')"
    )
    assert silent() == ["default"]
    company.connection.execute(
        "insert into ops.webhook_deliveries (id, event, body, signed_at) values ('d', 'client.updated', '', now())"
    )
    assert silent() == []


def test_of_doubled_endpoints_the_known_one_stays(company: Company) -> None:
    ours = register(company)
    company.world.webhooks["other"] = {"id": "other", "secret": "?", "url": NOWHERE, "events": list(EVENTS)}
    company.world.webhooks["elsewhere"] = {
        "id": "elsewhere",
        "secret": "?",
        "url": "http://x/y",
        "events": [],
    }
    assert register(company).removed == ["other"]
    assert endpoints(company) == sorted([ours.endpoint_id, "elsewhere"])


def test_one_that_is_gone_at_robaws_is_registered_anew(company: Company) -> None:
    first = register(company)
    company.world.webhooks.clear()
    assert register(company).outcome == "registered"
    assert company.value("select count(*) from ops.webhook_endpoints where retired_at is not null") == 1
    assert first.endpoint_id not in endpoints(company)


def test_more_events_need_another_endpoint(company: Company) -> None:
    first = register(company, events=["client.updated"])
    second = register(company)
    assert (second.outcome, second.removed) == ("rotated", [first.endpoint_id])


@pytest.mark.parametrize("status", ["404", "405"])
def test_a_tenant_that_lists_nothing_is_trusted_with_what_we_know(company: Company, status: str) -> None:
    for _ in range(2):
        company.fault("robaws", status, match="webhook-endpoints")
        found = register(company)
    assert (found.outcome, endpoints(company)) == ("already", [found.endpoint_id])


def test_a_tenant_that_deletes_nothing_is_named_with_the_mend(company: Company) -> None:
    company.world.webhooks["other"] = {"id": "other", "secret": "?", "url": NOWHERE, "events": list(EVENTS)}
    company.fault("robaws", "405", match="webhook-endpoints/other", times=9)
    with pytest.raises(PermanentError, match="delete it by hand"):
        register(company)


@pytest.mark.parametrize("how", [{"url": "example.com/x"}, {"url": "ftp://x/y"}, {"events": []}])
def test_what_cannot_be_an_endpoint_is_said(company: Company, how: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"--url|--events"):
        register(company, **how)
    assert company.world.calls["robaws"] == 0


def test_a_running_receiver_is_verified_and_gets_what_robaws_sends(company: Company) -> None:
    with serving(company, webhook_secret=None) as web:
        found = register(company, web.address + PATH)
        assert (found.verified, found.message) == (True, "")
        assert company.value("select verified_at is not null from ops.webhook_endpoints")
        assert _sent_by_robaws(web, "1001") == 1
        until(lambda: "applied" in web.statuses().values())


def test_rotation_takes_both_secrets(company: Company) -> None:
    with serving(company, webhook_secret=None) as web:
        first = register(company, web.address + PATH)
        old = company.world.webhooks[first.endpoint_id]["secret"]
        second = register(company, web.address + PATH, rotate=True)
        assert (second.outcome, second.removed, second.verified) == ("rotated", [first.endpoint_id], True)
        assert web.post(b"{}", secret=old).status_code == 202
        company.connection.execute("update ops.webhook_endpoints set retired_at = retired_at - interval '25 hours'")
    with serving(company, webhook_secret=None) as web:
        assert web.post(b"{}", secret=old).status_code == 401


def test_a_receiver_that_refuses_is_told(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customer_assets.pipeline.webhooks.register.VERIFY_TRIES", 1)
    with serving(company) as web:
        found = register(company, web.address + "/api/customers")
    assert found.verified is False
    assert "405" in found.message


def test_deleting_takes_what_we_registered(company: Company) -> None:
    found = register(company)
    company.world.webhooks["theirs"] = {"id": "theirs", "secret": "?", "url": "http://x", "events": []}
    assert delete_endpoints(company.context, company.account("robaws")) == [found.endpoint_id]
    assert endpoints(company) == ["theirs"]
    assert company.value("select count(*) from ops.webhook_endpoints") == 0  # its secret holds no more


def _sent_by_robaws(web: Web, client_id: str) -> int:
    answer = web.client.post(
        f"{web.company.base}/control/deliver", json={"client_id": client_id, "event": "client.updated"}
    )
    accepted: int = answer.json()["accepted"]
    return accepted
