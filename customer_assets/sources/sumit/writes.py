"""Writing customers to SUMIT. A write is never repeated blindly: what may have happened is looked up first.

Facts: docs/systems/sumit.md#writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from customer_assets.errors import RefusedError, ThrottledError, TransientError, UnknownOutcomeError
from customer_assets.sources.kit.pages import Envelope, Page
from customer_assets.sources.sumit.client import (
    SYSTEM,
    BusinessError,
    Sumit,
    TechnicalError,
    UnknownStatusError,
    concerns_every_row,
)


class SumitWriter(Sumit):
    """The client that creates, updates and searches customers."""

    async def create(self, values: Mapping[str, Any], *, external_id: str) -> str:
        """Create a customer, or find the one that was created with this external id. Returns SUMIT's id.

        Args:
            values: key of the write call -> text.
            external_id: our stable key of this customer.

        Raises:
            RefusedError: SUMIT understood and refused; the reason is its own.
            UnknownOutcomeError: it may be there or not; `search` first.
        """
        if self._settings.dialect == "seed":
            body = await self._write("/website/customers/update/", {"Customer": dict(values)}, "customer")
        else:
            details = {
                **values,
                "ExternalIdentifier": external_id,
                "SearchMode": self._settings.search_mode,
            }
            body = await self._write("/accounting/customers/create/", {"Details": details}, "customer")
        given = _written_id(body)
        if given is None:
            raise UnknownOutcomeError("sumit customer: created, but the answer names no id", system=SYSTEM)
        return given

    async def update(self, source_id: str, values: Mapping[str, Any]) -> None:
        """Update a customer by its id.

        Raises:
            RefusedError, UnknownOutcomeError: as for `create`.
        """
        if self._settings.dialect == "seed":
            request = {"Customer": {"CustomerID": source_id, **values}}
            body = await self._write("/website/customers/update/", request, f"customer {source_id}")
        else:
            request = {"Details": {"ID": int(source_id), **values}}
            body = await self._write("/accounting/customers/update/", request, f"customer {source_id}")
        given = _written_id(body)
        if given not in (None, source_id):
            raise RefusedError(f"sumit customer {source_id}: SUMIT wrote customer {given} instead", system=SYSTEM)

    async def search(self, name: str, value: str) -> list[Page]:
        """Customers that have this value, each as `fetch` gives it. The caller compares what it got.

        Args:
            name: property of an entity. The other dialect cannot filter: it gives all customers.
            value: what it is to be.
        """
        if self._settings.dialect == "seed":
            self._list = None  # it was read before the write whose outcome is in doubt
            page = await self._read_page("/website/customers/getlist/", {}, 0)
            wrapped = b'{"Customers":[%s]}'
        else:
            request = {
                "Folder": await self._customers_folder(),
                "IncludeInheritedFolders": True,
                "LoadProperties": True,
                "Filters": [{"Property": name, "Value": value}],
                "Order": {"Property": self._order, "Descending": False},
                "Paging": {"StartIndex": 0, "PageSize": self._size},
            }
            page = await self._read_page("/crm/data/listentities/", request, 0)
            wrapped = b'{"Status":0,"Data":{"Entity":%s}}'
        return [Page(0, wrapped % bytes(r), page.requested_at, Envelope([r])) for r in page.envelope.records]

    async def _write(self, path: str, request: dict[str, Any], what: str) -> bytes:
        self._list = None  # what was read before is old from here on
        try:
            return await self._post(path, request, what, retry=False)
        except ThrottledError:
            raise  # refused for its pace: not done
        except (BusinessError, TechnicalError) as error:
            if concerns_every_row(error):
                raise
            raise RefusedError(str(error), system=SYSTEM) from None
        except (TransientError, UnknownStatusError) as error:
            raise UnknownOutcomeError(str(error), system=SYSTEM) from None


def _written_id(body: bytes) -> str | None:
    """The id in the answer to a write: `Data.CustomerID`, or a top-level one."""
    answer = msgspec.json.decode(body)
    data = answer.get("Data")
    given = data.get("CustomerID") if isinstance(data, dict) else None
    given = given if given not in (None, "") else answer.get("CustomerID")
    return None if given in (None, "") else str(given)
