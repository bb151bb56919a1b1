"""`/settings`: everything at a glance, and the way to each change."""

import asyncio
from typing import Any

from fastapi import Response

from portal.refusing import Away, NotDone
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit

routes = pages()

LANGUAGES = {"ru": "Русский", "en": "English"}


@routes.get("/settings")
async def show(visit: OwnVisit) -> Response:
    """What a service that is away would have told is said to be missing; the rest is shown."""
    me, sessions, accounts = await asyncio.gather(
        _found(visit, "identity", "/v1/me"),
        _found(visit, "identity", "/v1/sessions"),
        _found(visit, "billing-link", "/v1/accounts"),
    )
    if me is sessions is accounts is None:
        raise Away("identity")
    return await visit.page(
        "settings/overview.html",
        tab="settings",
        me=me,
        phone=dialled_in_groups(me["phone"]) if me and me["phone"] else None,
        language=LANGUAGES[me["locale"] if me else visit.locale],
        devices=None if sessions is None else len(sessions["items"]),
        accounts=None if accounts is None else len(accounts["items"]),
        password_changed=await visit.taken("password_changed"),
    )


async def _found(visit: Visit, service: str, path: str) -> dict[str, Any] | None:
    try:
        return dict(await visit.own(service, "GET", path))
    except NotDone:
        return None


def dialled_in_groups(e164: str) -> str:
    """`+79123456789` as `+7 912 345-67-89`; another country's as it is."""
    if e164.startswith("+7") and len(e164) == 12:
        return f"+7 {e164[2:5]} {e164[5:8]}-{e164[8:10]}-{e164[10:]}"
    return e164
