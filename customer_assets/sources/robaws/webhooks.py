"""Registering webhook endpoints at Robaws. Facts: docs/systems/robaws.md#webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from customer_assets.errors import ContractError
from customer_assets.sources.kit.http import Response
from customer_assets.sources.kit.pages import decode
from customer_assets.sources.robaws.client import SYSTEM, Robaws
from customer_assets.sources.system import WebhookEndpoint


class _EndpointList(msgspec.Struct):
    items: list[WebhookEndpoint]


_Endpoints = list[WebhookEndpoint] | _EndpointList


class RobawsWebhooks(Robaws):
    """The client that registers, lists and deletes webhook endpoints."""

    async def endpoints(self) -> list[WebhookEndpoint] | None:
        """The tenant's webhook endpoints; None where this tenant does not list them (404, 405)."""

        def read(response: Response) -> list[WebhookEndpoint] | None:
            if response.status_code in (404, 405):
                return None
            self.raise_for(response, "webhook endpoints")
            found = decode(response.content, _Endpoints, system=SYSTEM, what="webhook endpoints")
            return found if isinstance(found, list) else found.items

        return await self._http.call("GET", "/api/v2/webhook-endpoints", read=read)

    async def create_endpoint(self, url: str, events: Sequence[str]) -> WebhookEndpoint:
        """Register an endpoint. Its secret is in this answer and nowhere else. Never repeated blindly."""

        def read(response: Response) -> WebhookEndpoint:
            if response.status_code != 201:
                self.raise_for(response, "webhook endpoint")
            created: WebhookEndpoint = decode(response.content, WebhookEndpoint, system=SYSTEM, what="webhook endpoint")
            if not created.id or not created.secret:
                raise ContractError("robaws webhook endpoint: the answer has no id or no secret", system=SYSTEM)
            return created

        return await self._http.call(
            "POST",
            "/api/v2/webhook-endpoints",
            read=read,
            retry=False,
            json={"url": url, "events": list(events)},
        )

    async def delete_endpoint(self, endpoint_id: str) -> bool:
        """Delete an endpoint; False where this tenant does not allow it (405). One that is gone already is fine."""

        def read(response: Response) -> bool:
            if response.status_code in (204, 404):
                return True
            if response.status_code == 405:
                return False
            self.raise_for(response, f"webhook endpoint {endpoint_id}")
            return True

        return await self._http.call("DELETE", f"/api/v2/webhook-endpoints/{quote(endpoint_id, safe='')}", read=read)
