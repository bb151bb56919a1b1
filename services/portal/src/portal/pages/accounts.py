"""`/accounts`: the accounts that somebody holds, and what became of the requests for others."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import Response
from fastapi.responses import HTMLResponse

from portal.forms import Notice
from portal.pages.accounts_adding import adding_page
from portal.pages.accounts_shown import (
    Account,
    LinkRequest,
    accounts_of,
    awaited,
    closed_at,
    is_slow,
    others_of,
    requests_of,
    shown_requests,
)
from portal.refusing import Away, FormTooOld, NotDone
from portal.web.answering import ERRORS
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit

routes = pages()

HELD_SECONDS = 20
"""So long a card's request is held: it is answered as soon as the request is decided."""
MOST_HIDDEN = 50


@dataclass(frozen=True)
class Card:
    """One card of the list: an account that is held, or else a request."""

    account: Account | None = None
    request: LinkRequest | None = None
    others: int = 0
    slow: bool = False
    closed_at: datetime | None = None
    closed: bool = False


@routes.get("/accounts")
async def show(visit: OwnVisit) -> Response:
    try:
        cards, me = await asyncio.gather(_cards(visit), _me(visit))
    except Away as away:
        return await _without_list(visit, away)
    if not cards:
        return await adding_page(visit, visit.form("account_number", "amount"), first=True, me=me)
    return await visit.page("accounts/list.html", cards=cards, me=me, tab="accounts")


async def _cards(visit: Visit) -> list[Card]:
    accounts, asked = await asyncio.gather(accounts_of(visit), requests_of(visit))
    requests = await awaited(visit, asked)
    if [one["status"] for one in requests] != [one["status"] for one in asked]:
        accounts = await accounts_of(visit)
    others = await asyncio.gather(*(others_of(visit, account) for account in accounts))
    held, now = {account["account_number"] for account in accounts}, datetime.now(UTC)
    linked = [_linked(visit, account, count) for account, count in zip(accounts, others, strict=True)]
    shown = shown_requests(requests, held, visit.kept.get("hidden", ()), now)
    return linked + [Card(request=one, slow=is_slow(one, now)) for one in shown]


def _linked(visit: Visit, account: Account, others: int, request: LinkRequest | None = None) -> Card:
    ends, closed = closed_at(visit, account)
    return Card(account=account, request=request, others=others, closed_at=ends, closed=closed)


async def _me(visit: Visit) -> dict[str, Any] | None:
    """For the notice of an address that is not confirmed: where identity is away, it is left out."""
    with suppress(NotDone):
        return dict(await visit.own("identity", "GET", "/v1/me"))
    return None


async def _without_list(visit: Visit, away: Away) -> Response:
    title, text = ERRORS[503]
    form = visit.form()
    form.say(Notice(visit.words(title), more=visit.words(text)), 503)
    form.retry_after = away.retry_after
    return await visit.page("accounts/list.html", form=form, cards=(), tab="accounts")


@routes.get("/accounts/requests/{request_id:uuid}")
async def card(visit: OwnVisit, request_id: UUID) -> Response:
    """The card alone, for the script of the page: held until the request is decided."""
    if visit.request.headers.get("sec-fetch-dest") == "document":
        return await visit.go("/accounts")  # whoever comes here by the address, or after a sign-in, wants the list
    path = f"/v1/link-requests/{request_id}?wait={HELD_SECONDS}"
    request: LinkRequest = await visit.own("billing-link", "GET", path, wait=HELD_SECONDS)
    shown = await _card_of(visit, request)
    # Not by `visit.page`: that would take the message that the next page has to show.
    context: dict[str, Any] = {"visit": visit, "card": shown, "asked": request}
    return HTMLResponse(visit.wired.rendering.page("accounts/card.html", visit.locale, **context))


async def _card_of(visit: Visit, request: LinkRequest) -> Card | None:
    """`None` where the account was linked, and is not here any more."""
    if request["status"] != "linked":
        return Card(request=request, slow=is_slow(request, datetime.now(UTC)))
    for account in await accounts_of(visit):
        if account["account_number"] == request["account_number"]:
            return _linked(visit, account, await others_of(visit, account), request)
    return None


@routes.post("/accounts/requests/{request_id:uuid}/dismissal")
async def dismiss(visit: OwnVisit, request_id: UUID) -> Response:
    """A refused request is not shown any more, as long as this session lasts."""
    if visit.too_old:
        raise FormTooOld
    hidden = [one for one in visit.kept.get("hidden", []) if one != str(request_id)]
    await visit.note(hidden=[*hidden, str(request_id)][-MOST_HIDDEN:])
    return await visit.go("/accounts")
