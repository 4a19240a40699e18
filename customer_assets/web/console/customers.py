"""Customers: the list, one of them, its edit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customer_assets.domain.cache.columns import COLUMN_OF, EDITABLE
from customer_assets.domain.cache.columns import sections as sections_of
from customer_assets.errors import ConfigurationError, CustomerAssetsError, RecordError, StaleEditError
from customer_assets.pipeline import edit as edits
from customer_assets.pipeline.identity.resolve import resolve_at_once
from customer_assets.sources.registry import SYSTEMS, owner_note
from customer_assets.store.cache.rows import read_rows
from customer_assets.store.reads import console, lists
from customer_assets.store.users import Session
from customer_assets.web.console.jobs import kinds
from customer_assets.web.console.listings import CUSTOMERS, HAS_PHONE, choice, typed
from customer_assets.web.console.lists import Lists
from customer_assets.web.console.screen import chosen_ids
from customer_assets.web.console.tables import (
    DETAIL_TABLES,
    Column,
    columns,
    heading,
    in_peoples_words,
    input_kind,
    text,
)

MOST_TOGETHER = 500
MOST_AT_ONCE = 500  # changed rows that are resolved while somebody waits


class Customers(Lists):
    """The list of customers, one of them, and its edit."""

    async def customers(self, request: Request, session: Session) -> Response:
        """All customers of all systems."""

        def read() -> tuple[int, list[dict[str, Any]], bool, dict[str, list[str]]]:
            page, found, more = self._page("customers", request)
            with self._connect() as connection:
                return page, found, more, self._choices(connection)

        page, found, more, offered = await run_in_threadpool(read)
        filters = [
            typed("q", "Search"),
            *(
                choice(name, name.capitalize().replace("Source", "System"), offered[name])
                for name in ("role", "country", "source", "account")
            ),
            choice("active", "Active", [("yes", "active"), ("no", "inactive")]),
            HAS_PHONE,
            choice(
                "changed",
                "Changed",
                [("sync", "by the last sync"), ("day", "within a day"), ("week", "within a week")],
            ),
        ]
        actions = [(f"/actions/{name}", kind.title) for name, kind in kinds().items()]
        return await self._list(
            request,
            session,
            "customers",
            CUSTOMERS,
            (page, found, more),
            title="Records of all systems",
            filters=filters,
            actions=actions,
            bulk="/push/plan",
            matching=request.url.query,
            fields=[(name, heading(name)) for name in EDITABLE if COLUMN_OF[name].kind == "text"],
        )

    async def together(self, request: Request, session: Session) -> Response:
        """Change one field of several records: each as it is and as it would be, then it is done."""
        form = await request.form()
        name, value, matching = str(form.get("field", "")), str(form.get("value", "")).strip(), form.get("matching")
        if name not in EDITABLE or COLUMN_OF[name].kind != "text":
            return self._go("/customers", session, "Choose a field", bad=True)
        chosen = chosen_ids(form)

        def read() -> list[dict[str, Any]]:
            with self._connect() as connection:
                wanted = dict(parse_qsl(str(matching))) if matching is not None else None
                ids = chosen if wanted is None else lists.matching_customers(connection, wanted, most=MOST_TOGETHER + 1)
                return list(read_rows(connection, ids[: MOST_TOGETHER + 1]).values())

        found = await run_in_threadpool(read)
        if not found or len(found) > MOST_TOGETHER:
            said = f"More than {MOST_TOGETHER}: narrow it with a filter" if found else "Nobody was selected"
            return self._go("/customers", session, said, bad=True)
        if form.get("go") is None:
            changing = [row for row in found if text(row[name]) != value]
            return await self._show(
                request, session, "together.html", rows=changing, field=name, heading=heading(name), value=value
            )

        def write() -> tuple[int, list[str]]:
            done, failed = 0, []
            context = self._runtime.context(trigger="web")
            for row in found:
                try:
                    was = str(form.get(f"was.{row['id']}", text(row[name])))
                    edits.edit_customer(context, row["id"], {name: value}, by=session.user, seen={name: was})
                    done += 1
                except (CustomerAssetsError, ValueError) as error:
                    failed.append(f"{row['name']}: {error}")
            return done, failed

        done, failed = await run_in_threadpool(write)
        said = f"{done} changed" + (f"; {len(failed)} not: {failed[0]}" if failed else "")
        return self._go("/customers", session, said, bad=bool(failed))

    async def customer(self, request: Request, session: Session) -> Response:
        """All that is known of one."""
        found = await run_in_threadpool(self._customer, request.path_params["id"])
        if found is None:
            return PlainTextResponse("no such customer", status_code=404)
        row = found["row"]
        sections = [(title, [Column(name, heading(name)) for name in names]) for title, names in sections_of().items()]
        persons = [p for p in row["contact_persons"] or [] if isinstance(p, dict)]
        people = [
            {
                "name": f"{p.get('first_name') or ''} {p.get('last_name') or ''}".strip(),
                "email": p.get("email"),
                "phone": p.get("mobile") or p.get("phone"),
            }
            for p in persons
        ]
        tables = [
            ("Contact persons", people, columns("name:Name", "email:E-mail", "phone:Phone")),
            *((title, found[key], columns) for title, key, columns in DETAIL_TABLES),
        ]
        return await self._show(
            request,
            session,
            "customer.html",
            row=row,
            sections=sections,
            tables=tables,
            same=found["same"],
            edited={e["field"]: e for e in found["edits"]},
            metadata=json.dumps(
                {**row["metadata"], "extra_fields": row["extra_fields"]}, ensure_ascii=False, indent=1, default=str
            ),
        )

    def _customer(self, customer_id: int) -> dict[str, Any] | None:
        with self._connect() as connection:
            return console.customer(connection, customer_id)

    async def edit(self, request: Request, session: Session) -> Response:
        """Change a customer; an edit of something that changed meanwhile is refused, and both versions are shown."""
        customer_id = request.path_params["id"]
        form = await request.form() if request.method == "POST" else None
        found = await run_in_threadpool(self._customer, customer_id)
        if found is None:
            return PlainTextResponse("no such customer", status_code=404)
        row, stale, versions, failed = found["row"], None, [], None
        # what this page is made from: a field that somebody else changes meanwhile is told by it
        was = {name: text(row[name]) for name in EDITABLE}
        if form is not None:
            changes = _changes(form, row)
            try:
                await run_in_threadpool(self._edit, row, form, changes, session.user)
                target = f"/push/plan?id={customer_id}" if form.get("then") == "push" else f"/customers/{customer_id}"
                return self._go(target, session, "Saved")
            except StaleEditError as error:
                stale = str(error)
                versions = [
                    (heading(n), changes[n], was[n]) for n in changes if str(form.get(f"was.{n}", was[n])) != was[n]
                ]
            except (RecordError, ValueError) as error:
                failed = in_peoples_words(error)
                was = {name: str(form.get(f"was.{name}", was[name])) for name in EDITABLE}
                row = {**row, **{n: v == "true" if COLUMN_OF[n].kind == "boolean" else v for n, v in was.items()}}
            # what was typed stays typed
            row = {**row, **{n: v == "true" if COLUMN_OF[n].kind == "boolean" else v for n, v in changes.items()}}
        sections = [
            (title, [Column(n, heading(n), input_kind(n)) for n in names if n in EDITABLE])
            for title, names in sections_of().items()
        ]
        return await self._show(
            request,
            session,
            "edit.html",
            row=row,
            was=was,
            sections=sections,
            owner=owner_note(row["source"]),
            stays=self._stays_here(row),
            pushes=any(SYSTEMS[a.system].pushes is not None for a in self._runtime.working.accounts),
            stale=stale,
            versions=versions,
            edited={e["field"]: e for e in found["edits"]},
            failed=failed,
            status=409 if stale else 422 if failed else 200,
        )

    def _stays_here(self, row: Mapping[str, Any]) -> set[str]:
        """Fields of a system that takes pushes which it does not take: what is written there never reaches it."""
        system = SYSTEMS.get(row["source"])
        if system is None or system.pushes is None:
            return set()
        try:
            account = self._runtime.account_without_calls(row["source"], row["account"])
        except ConfigurationError:
            return set()
        return set(EDITABLE).difference(system.pushes.keys(account.settings))

    def _edit(self, row: Mapping[str, Any], form: Any, changes: Mapping[str, str], by: str) -> None:
        """Write what was changed; that somebody changed another field meanwhile is no reason against it."""
        seen_at = str(form.get("seen_at", ""))
        edits.edit_customer(
            self._runtime.context(trigger="web"),
            row["id"],
            changes,
            by=by,
            seen={n: str(form[f"was.{n}"]) for n in changes if f"was.{n}" in form},
            seen_at=datetime.fromisoformat(seen_at) if seen_at else None,
            release=[str(name) for name in form.getlist("release")],
        )
        resolve_at_once(self._runtime.context(trigger="web"), most=MOST_AT_ONCE)  # so that its customer shows it


def _changes(form: Any, row: Mapping[str, Any]) -> dict[str, str]:
    """Fields that somebody wrote something else into than the page showed."""
    released = form.getlist("release")
    return {
        n: str(form[n])
        for n in EDITABLE
        if n in form and n not in released and str(form[n]) != str(form.get(f"was.{n}", text(row[n])))
    }
