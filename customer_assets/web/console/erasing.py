"""Erasing a record, as a person may ask: what goes is said first."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.erase import Erased, erase
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store.cache.rows import read_rows
from customer_assets.store.users import Session
from customer_assets.web.console.screen import Screen


class Erasing(Screen):
    """One record at a time."""

    async def erase(self, request: Request, session: Session) -> Response:
        """What would be erased; then it is."""
        row_id = request.path_params["id"]

        def find() -> dict[str, Any] | None:
            with self._connect() as connection:
                return read_rows(connection, [row_id]).get(row_id)

        row = await run_in_threadpool(find)
        if row is None or row["source"] not in SYSTEMS:
            return PlainTextResponse("no record of a system", status_code=404)
        is_done = request.method == "POST"

        def do() -> Erased:
            context = self._runtime.context_of_accounts()
            account = self._runtime.account_without_calls(row["source"], row["account"])
            return erase(context, account, row["source_customer_id"], by=session.user, dry_run=not is_done)

        try:
            found = await run_in_threadpool(do)
        except CustomerAssetsError as error:
            return self._go(f"/customers/{row_id}", session, str(error), bad=True)
        if is_done:
            return self._go("/customers", session, f"{row['source']}:{row['source_customer_id']} is erased")
        return await self._show(request, session, "erase.html", row=row, found=found)
