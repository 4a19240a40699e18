"""Old invoices by upload: how the file is understood, its first rows, what is refused; then it is stored."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.errors import CustomerAssetsError
from customer_assets.pipeline.files import open_sheet
from customer_assets.pipeline.invoices.foresee import likely_customers
from customer_assets.pipeline.invoices.import_invoices import FileOptions, ImportResult, import_invoices
from customer_assets.runtime.runtime import Runtime
from customer_assets.store import audit
from customer_assets.store.invoices import legacy
from customer_assets.store.users import Session
from customer_assets.web.console.screen import Screen
from customer_assets.web.console.tables import in_words
from customer_assets.web.console.uploads import KINDS, Upload, Uploads

# what may be said of a file, and its choices
SAID = {
    "separator": (",", ";", "|", "\t"),
    "decimal": (".", ","),
    "date_order": ("dmy", "mdy"),
    "lines": ("sum",),
    "id_with": ("year", "date"),
    "overwrite": ("yes",),
}
COUNTED = ("created", "updated", "unchanged", "duplicate", "rejected")


class Imports(Screen):
    """Invoices of a file: looked at, then stored."""

    def __init__(self, runtime: Runtime, uploads: Uploads) -> None:
        super().__init__(runtime)
        self._uploads = uploads

    async def imports(self, request: Request, session: Session) -> Response:
        """Upload; look how it is understood; import."""
        if request.method != "POST":
            return await self._page(request, session)
        form = await request.form()
        key = str(form.get("key", ""))
        file = form.get("file")
        if isinstance(file, UploadFile) and file.filename:
            try:
                key = await run_in_threadpool(self._uploads.keep, file, session.user)
            except ValueError as error:
                return await self._page(request, session, failed=str(error), status=422)
        upload = self._uploads.of(session.user, key)
        if upload is None:
            return await self._page(request, session, failed="Choose a file", status=422)
        is_import = form.get("step") == "import"
        said = {name: str(form[name]) for name in SAID if form.get(name)}
        mapping = {
            name.removeprefix("map "): str(value)
            for name, value in form.multi_items()
            if name.startswith("map ") and value
        }
        try:
            account = str(form.get("account", "")) or None
            result = await run_in_threadpool(
                self._import, upload, said, mapping, session, account, dry_run=not is_import
            )
        except CustomerAssetsError as error:
            header = await run_in_threadpool(_header, upload, said)
            return await self._page(
                request,
                session,
                failed=str(error).replace(f"{upload.path}: ", ""),
                key=key,
                upload=upload,
                said=said,
                account=account,
                mapping=mapping,
                unread=[column for column in header if column not in mapping],
                status=422,
            )
        upload.problems = result.problems
        context = self._runtime.context(trigger="web")
        likely = [] if is_import else await run_in_threadpool(likely_customers, context, result.sample)
        return await self._page(
            request,
            session,
            key=key,
            upload=upload,
            result=result,
            likely=[(one, in_words(one.evidence.rule, one.evidence.parts) if one else "") for one in likely],
            counts={name: getattr(result, name) for name in COUNTED},
            said=said,
            account=account,
            mapping=mapping,
            unread=result.ignored_columns,
            is_done=is_import,
        )

    async def _page(self, request: Request, session: Session, *, status: int = 200, **values: Any) -> Response:
        usual: dict[str, Any] = {
            "key": "",
            "upload": None,
            "result": None,
            "likely": [],
            "counts": {},
            "said": {},
            "account": None,
            "mapping": {},
            "unread": [],
            "is_done": False,
        }
        return await self._show(
            request,
            session,
            "import.html",
            status=status,
            choices=SAID,
            targets=legacy.COLUMNS,
            kinds=KINDS,
            accounts=self._runtime.context(trigger="web").account_names,
            **{**usual, **values},
        )

    async def rejects(self, request: Request, session: Session) -> Response:
        """Why rows of an upload were refused, as a file."""
        upload = self._uploads.of(session.user, request.path_params["key"])
        if upload is None:
            return PlainTextResponse("no such upload", status_code=404)
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["refused"])
        # what begins like a formula is none in a spreadsheet
        writer.writerows([[f"'{p}" if p.startswith(("=", "+", "-", "@")) else p]] for p in upload.problems)
        headers = {"content-disposition": 'attachment; filename="refused.csv"'}
        return Response(
            b"\xef\xbb\xbf" + text.getvalue().encode(), media_type="text/csv; charset=utf-8", headers=headers
        )

    def _import(
        self,
        upload: Upload,
        said: dict[str, str],
        mapping: dict[str, str],
        session: Session,
        account: str | None,
        *,
        dry_run: bool,
    ) -> ImportResult:
        options = msgspec.convert(said, FileOptions)
        context = self._runtime.context(trigger="web")
        result = import_invoices(
            context, str(upload.path), mapping=mapping, account=account, options=options, dry_run=dry_run
        )
        if not dry_run:
            counts = {name: getattr(result, name) for name in COUNTED}
            with self._connect() as connection:
                audit.record(connection, who=session.user, action="import", target=upload.name, details=counts)
            self._runtime.tell_dagster({"legacy_invoices": counts}, "console: import")
        return result


def _header(upload: Upload, said: Mapping[str, str]) -> list[str]:
    """The columns of a file that is not understood yet: what each is can be said; none where it cannot be read at all."""
    try:
        options = {name: said[name] for name in ("encoding", "separator", "table") if name in said}
        return open_sheet(str(upload.path), **options).header
    except CustomerAssetsError:
        return []
