"""A fourth system, whole: what docs/dev/adding-a-system.md asks for, in one place.

Run as a module it is the command line of a product that knows it: the one line of registration, then `main`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import msgspec
from pydantic import Field as Setting
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from customer_assets.domain.cache.mapping import Field, RecordMapping
from customer_assets.domain.clock import now_utc
from customer_assets.errors import CredentialsError, GoneError, TransientError
from customer_assets.settings import SystemSettings
from customer_assets.sources import registry
from customer_assets.sources.kit.client import Client
from customer_assets.sources.kit.http import Http, Response
from customer_assets.sources.kit.pace import Meter, Pacer
from customer_assets.sources.kit.pages import Envelope, Page, decode
from customer_assets.sources.system import Stream, System


class ToySettings(SystemSettings, toml_table="toy"):
    model_config = SettingsConfigDict(env_prefix="TOY_")
    base_url: str = Setting("http://127.0.0.1:9", description="Base address")
    token: SecretStr | None = Setting(None, description="Token of the toy")


class _List(msgspec.Struct):
    people: list[msgspec.Raw]
    total: int


def open_people(body: bytes) -> Envelope:
    page = decode(body, _List, system="toy", what="people")
    return Envelope(page.people, total=page.total)


def open_person(body: bytes) -> Envelope:
    return Envelope([msgspec.Raw(body)])


MAPPING = RecordMapping(
    id_path="key",
    fields=(
        Field("name", ("name",), required=True),
        Field("phone", ("tel",)),
        Field("vat_number", ("vat",)),
        Field("city", ("town",)),
    ),
)


class Toy(Client):
    def __init__(self, settings: ToySettings, *, page_size: int) -> None:
        token = settings.token.get_secret_value() if settings.token else ""
        pacer, self._size = Pacer(1000, 1000), page_size
        super().__init__(
            Http(
                system="toy",
                base_url=settings.base_url,
                pacer=pacer,
                meter=Meter("toy"),
                connect_timeout=2,
                read_timeout=2,
                retry_seconds=0,
                headers={"Authorization": f"Bearer {token}"},
            )
        )

    async def scan(self, stream: str, *, since: datetime | None, landed: frozenset[int]) -> AsyncGenerator[Page]:
        position, seen = 0, 0
        while True:
            page = await self._get(f"/people?page={position}&size={self._size}", position, open_people)
            if position not in landed:
                yield page
            seen, position = seen + len(page.envelope.records), position + 1
            if not page.envelope.records or seen >= (page.envelope.total or 0):
                return

    async def fetch(self, stream: str, source_id: str) -> Page:
        return await self._get(f"/people/{source_id}", 0, open_person)

    async def check(self) -> str:
        return f"{(await self._get('/people?page=0&size=1', 0, open_people)).envelope.total} people"

    async def _get(self, path: str, position: int, opened: Any) -> Page:
        requested_at = now_utc()

        def read(response: Response) -> Page:
            if response.status_code == 401:
                raise CredentialsError("toy: credentials refused; check TOY_TOKEN", system="toy")
            if response.status_code == 404:
                raise GoneError(f"toy {path}: does not exist", system="toy")
            if response.status_code != 200:
                raise TransientError(f"toy {path}: HTTP {response.status_code}", system="toy")
            return Page(position, response.content, requested_at, opened(response.content))

        return await self._http.call("GET", path, read=read)


SYSTEM = System(
    name="toy",
    label="Toy",
    settings=ToySettings,
    credentials=("token",),
    streams=(
        Stream(
            name="people",
            entity="customers",
            asset="raw_toy_person_pages",
            description="People of the toy as its API gives them.",
            open=open_people,
            mapping=lambda _settings: MAPPING,
            detail="person",
            open_detail=open_person,
            is_counted=True,
        ),
    ),
    client=lambda settings, _tokens, size: Toy(settings, page_size=size or 50),
    largest_page=50,
    rank=3,
    owner_note="The toy owns these fields.",
)

if __name__ == "__main__":
    registry.SYSTEMS[SYSTEM.name] = SYSTEM
    from customer_assets.cli.app import main

    main()
