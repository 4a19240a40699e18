"""SUMIT in both dialects: reading customers. Facts: docs/systems/sumit.md.

Everything is a POST with the credentials in its body, so no request body is ever shown. HTTP 200 says nothing: the
Status in the answer does, in any of its shapes.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import msgspec

from customer_assets.domain.clock import now_utc
from customer_assets.errors import (
    ConfigurationError,
    ContractError,
    CredentialsError,
    GoneError,
    PermanentError,
    RefusedError,
    SourceError,
    ThrottledError,
    TransientError,
)
from customer_assets.sources.kit.client import Client
from customer_assets.sources.kit.http import Http, Response
from customer_assets.sources.kit.pace import Meter, Resting
from customer_assets.sources.kit.pages import Envelope, Page, decode
from customer_assets.sources.sumit.settings import SumitSettings

SYSTEM = "sumit"
NO_ANSWER = "No response from SUMIT API"  # what users know from before
BAD_CREDENTIALS = "Invalid credentials"
# Status 1 means many things; only these say that there is no such customer. For the others the next scans decide.
GONE = re.compile(r"archived|empty|not found|not exist|n't exist|no such|deleted|לא נמצא|לא קיים", re.IGNORECASE)
# Texts that concern every row, not this one: the plan or the user lacks something.
_NOT_ALLOWED = re.compile(r"permission|module|unauthori|הרשא", re.IGNORECASE)
_QUOTED = re.compile(r"(['\"])[^'\"]*\1")
KNOWN_PROPERTY = "Customers_FullName"  # the one that the documentation orders by


class _Answer(msgspec.Struct):
    Status: msgspec.Raw = msgspec.Raw(b"")
    UserErrorMessage: str | None = None
    TechnicalErrorDetails: str | None = None
    Data: msgspec.Raw = msgspec.Raw(b"null")
    Customers: list[msgspec.Raw] | None = None


class _Entities(msgspec.Struct):
    Entities: list[msgspec.Raw] | None = None
    HasNextPage: bool | None = None


class _Entity(msgspec.Struct):
    Entity: msgspec.Raw


class _SeedData(msgspec.Struct):
    Customers: list[msgspec.Raw] | None = None


def status_of(status: bytes) -> str:
    """`success`, `business`, `technical` or `unknown`, from any shape of Status (docs/systems/sumit.md#status).

    Args:
        status: the JSON of the Status value; empty when there was none.
    """
    try:
        value = msgspec.json.decode(status) if status else None
    except msgspec.DecodeError:
        return "unknown"
    if isinstance(value, dict) and isinstance(value.get("IsError"), bool):
        return "business" if value["IsError"] else "success"
    if value is None or isinstance(value, bool):  # a bool is an int in Python: False == 0
        return "unknown"
    folded = str(value).split("(")[0].strip().casefold().replace(" ", "")
    return {
        "0": "success",
        "success": "success",
        "1": "business",
        "businesserror": "business",
        "2": "technical",
        "technicalerror": "technical",
    }.get(folded, "unknown")


def open_page(body: bytes) -> Envelope:
    """A page of customers in either dialect: `Data.Entities`, top-level `Customers`, `Data.Customers`, or `Data`."""
    answer = decode(body, _Answer, system=SYSTEM, what="customers")
    if answer.Customers is not None:
        return Envelope(answer.Customers, more=False)
    data = bytes(answer.Data).strip()
    if data.startswith(b"["):
        return Envelope(decode(data, list[msgspec.Raw], system=SYSTEM, what="customers"), more=False)
    if data.startswith(b"{"):
        entities: _Entities = decode(data, _Entities, system=SYSTEM, what="customers")
        if entities.Entities is not None:
            return Envelope(entities.Entities, more=entities.HasNextPage)
        seed: _SeedData = decode(data, _SeedData, system=SYSTEM, what="customers")
        if seed.Customers is not None:
            return Envelope(seed.Customers, more=False)
    raise ContractError("sumit customers: the answer holds no list of customers", system=SYSTEM)


def open_detail(body: bytes) -> Envelope:
    """One customer: the answer of `getentity`, or of the seed dialect's list reduced to it."""
    answer = decode(body, _Answer, system=SYSTEM, what="customer")
    if answer.Customers is not None:
        return Envelope(answer.Customers)
    return Envelope([decode(bytes(answer.Data), _Entity, system=SYSTEM, what="customer").Entity])


class Sumit(Client):
    """The client. Streams: `customers` (list) and, in the real dialect, `customer` (by id)."""

    def __init__(
        self,
        settings: SumitSettings,
        *,
        page_size: int | None = None,
    ) -> None:
        if settings.company_id is None or settings.api_key is None:
            raise CredentialsError("sumit: no credentials (SUMIT_COMPANY_ID, SUMIT_API_KEY)", system=SYSTEM)
        self._settings = settings
        self._size = page_size or settings.page_size
        self._folder = settings.customers_folder
        self._order = settings.order_property
        self._list: Page | None = None
        self._credentials = {"CompanyID": settings.company_id, "APIKey": settings.api_key.get_secret_value()}
        rate = 1 / settings.seconds_between_calls if settings.seconds_between_calls else 1000.0
        super().__init__(
            Http(
                system=SYSTEM,
                base_url=settings.base_url,
                settings={settings.base_url.rstrip("/"): "SUMIT_BASE_URL"},
                pacer=Resting(rate, 1, settings.pause_after_calls, settings.pause_seconds),
                meter=Meter(SYSTEM, budget=settings.call_budget),
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                retry_seconds=settings.retry_seconds,
                headers={"Content-Language": "en"},
            )
        )

    async def scan(self, stream: str, *, since: datetime | None, landed: frozenset[int]) -> AsyncGenerator[Page]:
        """Pages in order to the one without a next. A position is the row offset that the page starts at.

        There is no filter by time (docs/systems/sumit.md#lists) and `since` is not used; a cut scan begins anew, because offsets
        shift.
        """
        if self._settings.dialect == "seed":
            yield await self._read_page("/website/customers/getlist/", {}, 0)
            return
        folder = await self._customers_folder()
        offset, last = 0, b""
        while True:
            page = await self._entities(folder, offset)
            yield page
            more, records = page.envelope.more, page.envelope.records
            # where it does not say whether more follows, an empty page ends it (or one that comes again)
            if more is False or (more is None and (not records or page.body == last)):
                return
            if not records:
                raise ContractError("sumit customers: an empty page says that another follows", system=SYSTEM)
            offset, last = offset + len(records), page.body

    async def _entities(self, folder: str, offset: int) -> Page:
        """One page of the folder. Without an order the order is arbitrary; a refused one is replaced once."""
        request = {
            "Folder": folder,
            "IncludeInheritedFolders": True,
            "LoadProperties": True,
            "Order": {"Property": self._order, "Descending": False},
            "Paging": {"StartIndex": offset, "PageSize": self._size},
        }
        requested_at = now_utc()
        try:
            body = await self._post("/crm/data/listentities/", request, "customers")
        except (BusinessError, TechnicalError):
            if offset or self._order == KNOWN_PROPERTY:
                raise
            self._order = KNOWN_PROPERTY
            return await self._entities(folder, offset)
        return Page(offset, body, requested_at, open_page(body))

    async def fetch(self, stream: str, source_id: str) -> Page:
        """One customer by id.

        Raises:
            GoneError: archived, empty or unknown (one answer means all three).
        """
        if self._settings.dialect == "seed":
            return await self._found_in_list(source_id)
        if not source_id.isdigit():
            raise ConfigurationError(
                f"sumit customer {source_id}: ids are numbers in the real dialect; SUMIT_DIALECT is {self._settings.dialect}"
            )
        requested_at = now_utc()
        try:
            body = await self._post(
                "/crm/data/getentity/", {"EntityID": int(source_id), "IncludeFields": True}, "customer"
            )
            envelope = open_detail(body)
        except BusinessError as error:
            if GONE.search(str(error)):
                raise GoneError(f"sumit customer {source_id}: {error}", system=SYSTEM) from None
            if concerns_every_row(error):
                raise
            raise RefusedError(str(error), system=SYSTEM) from None  # this customer alone cannot be read
        except TechnicalError as error:
            raise RefusedError(str(error), system=SYSTEM) from None
        return Page(0, body, requested_at, envelope)

    async def _found_in_list(self, source_id: str) -> Page:
        """The seed dialect reads no single customer: the list is read, and its one record kept."""
        if self._list is None:
            self._list = await self._read_page("/website/customers/getlist/", {}, 0)
        page = self._list  # one paid call, however many are asked for
        for record in page.envelope.records:
            if str(msgspec.json.decode(record).get("CustomerID")) == source_id:
                return Page(0, b'{"Customers":[' + bytes(record) + b"]}", page.requested_at, Envelope([record]))
        raise GoneError(f"sumit customer {source_id} does not exist", system=SYSTEM)

    async def check(self) -> str:
        """The key check of the real dialect; the list of the other, which has none."""
        if self._settings.dialect == "seed":
            page = await self._read_page("/website/customers/getlist/", {}, 0)
            return f"{len(page.envelope.records)} customers"
        await self._post("/website/companies/getdetails/", {}, "company")
        return f"customers folder {await self._customers_folder()}"

    async def _customers_folder(self) -> str:
        """The setting, else the one folder of a known name; several: ask, do not guess."""
        if self._folder is None:
            body = await self._post("/crm/schema/listfolders/", {}, "folders")
            answer: _Answer = decode(body, _Answer, system=SYSTEM, what="folders")
            folders = (msgspec.json.decode(answer.Data) or {}).get("Folders") or []
            known = {name.casefold() for name in self._settings.folder_names}
            found = [f for f in folders if str(f.get("Name", "")).strip().casefold() in known]
            if len(found) != 1:
                listed = ", ".join(f"{f.get('ID')} {f.get('Name')}" for f in (found or folders)) or "none"
                raise ConfigurationError(
                    f"sumit: {len(found)} folders may hold the customers; set SUMIT_CUSTOMERS_FOLDER to one of: {listed}"
                )
            self._folder = str(found[0]["ID"])
        return self._folder

    async def _read_page(self, path: str, request: dict[str, Any], offset: int) -> Page:
        requested_at = now_utc()
        body = await self._post(path, request, "customers")
        return Page(offset, body, requested_at, open_page(body))

    async def _post(self, path: str, request: dict[str, Any], what: str, *, retry: bool = True) -> bytes:
        """One call; `retry=False` for writes, which must not be repeated blindly."""
        return await self._http.call(
            "POST",
            path,
            read=lambda response: self._read(response, path, what),
            retry=retry,
            json={"Credentials": self._credentials, **request},
        )

    def _read(self, response: Response, path: str, what: str) -> bytes:
        """What each answer means (docs/systems/sumit.md#answers)."""
        status, body = response.status_code, response.content
        if status == 403 and not body.strip():
            raise ThrottledError(
                f"sumit {what}: blocked for too many calls (403, empty)",
                system=SYSTEM,
                wait_seconds=self._settings.block_wait_seconds,
                tries=self._settings.block_tries,
            )
        if status >= 500 or not body.strip():
            raise TransientError(f"sumit {what}: {NO_ANSWER} (HTTP {status})", system=SYSTEM)
        if body.lstrip().startswith(b"<"):
            raise PermanentError(
                f"sumit {path}: a web page instead of an answer: no such path there; "
                f"SUMIT_DIALECT is {self._settings.dialect}, check it and SUMIT_BASE_URL",
                system=SYSTEM,
            )
        if status >= 400 and not body.lstrip().startswith(b"{"):  # of something before SUMIT
            raise TransientError(f"sumit {what}: {NO_ANSWER} (HTTP {status})", system=SYSTEM)
        answer: _Answer = decode(body, _Answer, system=SYSTEM, what=what)
        outcome = status_of(bytes(answer.Status))
        if outcome == "success":
            return body
        message = answer.UserErrorMessage or answer.TechnicalErrorDetails or "no reason given"
        if outcome == "business":
            if "credentials" in message.casefold():
                raise CredentialsError(
                    f"sumit: {BAD_CREDENTIALS}; check SUMIT_COMPANY_ID and SUMIT_API_KEY ({message})",
                    system=SYSTEM,
                )
            raise BusinessError(f"sumit {what}: {message}", system=SYSTEM)
        if outcome == "technical":
            raise TechnicalError(f"sumit {what}: {message}", system=SYSTEM)
        raise UnknownStatusError(
            f"sumit {what}: unknown outcome (HTTP {status}, Status is none of the known)", system=SYSTEM
        )


def concerns_every_row(error: SourceError) -> bool:
    """Whether a refusal is of the plan or the user, and not of a row; what it quotes is of the row."""
    return _NOT_ALLOWED.search(_QUOTED.sub("", str(error))) is not None


class BusinessError(PermanentError):
    """Status 1: SUMIT understood and refused."""


class TechnicalError(ContractError):
    """Status 2: our body does not fit."""


class UnknownStatusError(ContractError):
    """A Status that says neither yes nor no."""
