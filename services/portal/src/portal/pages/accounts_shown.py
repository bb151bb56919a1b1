"""What billing-link knows of somebody's accounts, and which of it the pages show."""

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from portal.refusing import Away, NotDone
from portal.web.visiting import Visit
from portal.words import parsed
from shared.problems import NotFound

LIST_SECONDS = 2
"""So long the list waits for what is still being checked: whoever has no JavaScript asked for it by hand."""
SLOW_AFTER = timedelta(minutes=5)
REFUSED_FOR = timedelta(days=7)
MOST_REQUESTS = 100

Account = dict[str, Any]
LinkRequest = dict[str, Any]


async def accounts_of(visit: Visit) -> list[Account]:
    return list((await visit.own("billing-link", "GET", "/v1/accounts"))["items"])


async def account_of(visit: Visit, ref: str) -> Account:
    """The account that an address names; one that is not the visitor's is no page at all."""
    for account in await accounts_of(visit):
        if visit.ref(account["account_number"]) == ref:
            return account
    raise NotFound


async def requests_of(visit: Visit) -> list[LinkRequest]:
    """Newest first; more than are ever shown."""
    answer = await visit.own("billing-link", "GET", f"/v1/link-requests?limit={MOST_REQUESTS}")
    return list(answer["items"])


async def awaited(visit: Visit, requests: list[LinkRequest]) -> list[LinkRequest]:
    """The same requests a little later: those that are being checked may be decided meanwhile."""
    now = datetime.now(UTC)
    waited = [one["id"] for one in requests if one["status"] == "pending" and not is_slow(one, now)]
    # They wait beside each other: the page's time grows by one wait, not by one for each.
    later = await asyncio.gather(
        *(_later(visit, request_id, 0 if place else LIST_SECONDS) for place, request_id in enumerate(waited))
    )
    found = {request["id"]: request for request in later if request is not None}
    return [found.get(request["id"], request) for request in requests]


async def _later(visit: Visit, request_id: str, wait: float) -> LinkRequest | None:
    with suppress(Away):
        path = f"/v1/link-requests/{request_id}?wait={LIST_SECONDS}"
        return dict(await visit.own("billing-link", "GET", path, wait=wait))
    return None


async def others_of(visit: Visit, account: Account) -> int:
    """How many other people hold the account; none are told of where that cannot be found out now."""
    with suppress(NotDone):
        return sum(not holder["you"] for holder in await holders_of(visit, account))
    return 0


async def holders_of(visit: Visit, account: Account) -> list[dict[str, Any]]:
    answer = await visit.own("billing-link", "GET", f"/v1/accounts/{account['account_number']}/holders")
    return list(answer["items"])


def shown_requests(
    requests: Iterable[LinkRequest], held: Collection[str], hidden: Collection[str], now: datetime
) -> list[LinkRequest]:
    """Those that are being checked, then the refused of the last days; `requests` come newest first.

    Of each number the newest alone: what came of it later, or hiding it, answers the earlier ones too.
    """
    pending = [request for request in requests if request["status"] == "pending"]
    told = {*held, *(request["account_number"] for request in pending)}
    refused = []
    for request in requests:
        number = request["account_number"]
        if number in told:
            continue
        told.add(number)
        if request["status"] == "refused" and request["id"] not in hidden and _is_recent(request, now):
            refused.append(request)
    return pending + refused


def _is_recent(request: LinkRequest, now: datetime) -> bool:
    return now - parsed(request["decided_at"]) <= REFUSED_FOR


def is_slow(request: LinkRequest, now: datetime) -> bool:
    """The check takes longer than it does usually: its result goes out by letter as well."""
    return now - parsed(request["created_at"]) > SLOW_AFTER


def closed_at(visit: Visit, account: Account) -> tuple[datetime | None, bool]:
    """The day on which the contract ended or will, as a moment of that day; and whether it has ended."""
    if account["closed_on"] is None:
        return None, False
    zone = visit.settings.time_zone
    day = date.fromisoformat(account["closed_on"])
    return datetime.combine(day, time(12), zone), day <= datetime.now(zone).date()
