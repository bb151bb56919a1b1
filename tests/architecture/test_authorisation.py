"""Who may call what: every route of every service with logins has a row, and is refused as its row says."""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from uuid_utils.compat import uuid7

from shared.bearer import sessions_ended, signed_in
from shared.contracts.identity import SessionsEnded
from shared.service import Service
from tests.kit import Running, problem

OWNER, STRANGER = UUID(int=7 << 64 | 1), UUID(int=7 << 64 | 2)


@dataclass(frozen=True)
class Row:
    """What a route asks of its caller. `thing` makes something of `:owner` and returns what the path names it by, from
    left to right: to anybody else it is not there."""

    login: bool
    thing: str = ""
    body: dict[str, str] | None = None


OPEN, LOGIN = Row(login=False), Row(login=True)
SESSION = "INSERT INTO sessions (id, user_id, counter) VALUES (gen_random_uuid(), :owner, 0) RETURNING id"
REQUEST = (
    "INSERT INTO link_requests (id, user_id, account_number, account_spent, status)"
    " VALUES (gen_random_uuid(), :owner, '67123456', false, 'refused') RETURNING id"
)
LINK = (
    "INSERT INTO links (id, user_id, account_number, origin, alias, evidence_on)"
    " VALUES (gen_random_uuid(), :owner, '67123456', 'amount', '', current_date) RETURNING account_number"
)
YOUNGER_HOLDER = (
    "WITH own AS (INSERT INTO links (id, user_id, account_number, origin, alias, evidence_on, linked_at)"
    " VALUES (gen_random_uuid(), :owner, '67123456', 'amount', '', current_date, now() - interval '1 day'))"
    " INSERT INTO links (id, user_id, account_number, origin, alias, evidence_on)"
    " VALUES (gen_random_uuid(), gen_random_uuid(), '67123456', 'amount', '', current_date)"
    " RETURNING account_number, id"
)

ROWS = {
    "identity": {
        "POST /v1/registrations": OPEN,
        "POST /v1/registrations/{registration_id}/letters": OPEN,
        "POST /v1/email-confirmations": OPEN,
        "POST /v1/email-reversals": OPEN,
        "POST /v1/sessions": OPEN,
        "POST /v1/legacy-sessions": OPEN,
        "POST /v1/sessions/refresh": OPEN,
        "POST /v1/password-recoveries": OPEN,
        "POST /v1/password-resets": OPEN,
        "GET /.well-known/jwks.json": OPEN,
        "GET /v1/sessions": LOGIN,
        "DELETE /v1/sessions": LOGIN,
        "DELETE /v1/sessions/current": LOGIN,
        "DELETE /v1/sessions/{session_id}": Row(login=True, thing=SESSION),
        "GET /v1/me": LOGIN,
        "PATCH /v1/me": LOGIN,
        "PUT /v1/me/password": LOGIN,
        "PUT /v1/me/phone": LOGIN,
        "PUT /v1/me/email": LOGIN,
        "POST /v1/me/email/letters": LOGIN,
        "POST /v1/me/legacy-logins": LOGIN,
        "GET /v1/me/history": LOGIN,
        "POST /v1/me/erasures": LOGIN,
    },
    "billing_link": {
        "POST /v1/link-requests": LOGIN,
        "GET /v1/link-requests": LOGIN,
        "GET /v1/link-requests/{request_id:uuid}": Row(login=True, thing=REQUEST),
        "GET /v1/accounts": LOGIN,
        "PATCH /v1/accounts/{account_number}": Row(login=True, thing=LINK, body={"alias": "Дача"}),
        "DELETE /v1/accounts/{account_number}": Row(login=True, thing=LINK),
        "GET /v1/accounts/{account_number}/holders": Row(login=True, thing=LINK),
        "DELETE /v1/accounts/{account_number}/holders/{link_id:uuid}": Row(login=True, thing=YOUNGER_HOLDER),
    },
    "notifier": {
        "POST /v1/feedback": OPEN,
        "POST /v1/sms-receipts/{provider}": OPEN,
        "GET /v1/notifications": LOGIN,
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "notifier": {
        "smtp_host": "127.0.0.1",
        "mail_from": "kabinet@energosbyt.example",
        "support_address": "support@energosbyt.example",
        "sms_url": "http://127.0.0.1:1/",
        "sms_token": "the-token",
        "sms_sender": "Energosbyt",
        "portal_origin": "https://lk.example.ru",
    }
}
"""What a service does not open without."""
OWNED = [(package, name) for package, rows in ROWS.items() for name, row in rows.items() if row.thing]


def service_of(package: str) -> Service:
    found: Service = import_module(f"{package}.main").service
    return found


def routes(package: str) -> Iterator[tuple[str, APIRoute]]:
    for router in service_of(package).routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods or ():
                yield f"{method} {route.path}", route


def needs_login(dependant: Dependant) -> bool:
    return any(one.call is signed_in or needs_login(one) for one in dependant.dependencies)


@pytest.mark.parametrize("package", ROWS)
def test_every_route_has_a_row_and_asks_for_what_it_says(package: str) -> None:
    asked = {name: needs_login(route.dependant) for name, route in routes(package)}

    assert asked == {name: row.login for name, row in ROWS[package].items()}


@pytest.mark.parametrize("package", ROWS)
def test_service_with_logins_hears_of_ended_sessions(package: str) -> None:
    """identity ends them itself."""
    heard = {entry.event for entry in service_of(package).heard if entry.react is sessions_ended}

    assert package == "identity" or heard == {SessionsEnded}


@pytest.fixture
async def opened(open_service: Callable[..., Awaitable[Running]]) -> Callable[[str], Awaitable[Running]]:
    async def open_(package: str) -> Running:
        return await open_service(service_of(package), **SETTINGS.get(package, {}))

    return open_


async def call(
    running: Running, name: str, headers: dict[str, str], thing: Sequence[object] = (), json: Any = None
) -> httpx2.Response:
    """Where the thing does not name a part of the path, it is named by what nothing is called."""
    method, _, path = name.partition(" ")
    named = iter(thing)
    filled = re.sub(r"\{[^}]+\}", lambda _: str(next(named, uuid7())), path)
    return await running.client.request(method, filled, headers=headers, json=json)


def refused(answer: httpx2.Response) -> bool:
    return (
        answer.status_code == 401
        and problem(answer)["code"] == "not-authenticated"
        and "Bearer" in answer.headers["www-authenticate"]
    )


@pytest.mark.parametrize("package", ROWS)
async def test_nobody_gets_in_without_a_session_that_goes_on(
    opened: Callable[[str], Awaitable[Running]], package: str
) -> None:
    """Anonymous, with something else than a token, with one that has run out, or whose session was ended."""
    running = await opened(package)
    ended = uuid7()
    async with running.kernel.database.transaction() as session:
        await sessions_ended(session, SessionsEnded(user_id=OWNER, session_ids=[ended], reason="blocked"), None)
    callers = {
        "anonymous": {},
        "no token": {"Authorization": "Bearer x.y.z"},
        "another scheme": {"Authorization": "Basic dTpw"},
        "expired": running.bearer(OWNER, seconds=-60),
        "ended or blocked": running.bearer(OWNER, ended),
    }

    let_in = [
        f"{caller}: {name}"
        for name, row in ROWS[package].items()
        for caller, headers in callers.items()
        if refused(await call(running, name, headers)) != row.login
    ]

    assert let_in == []


@pytest.mark.parametrize(("package", "name"), OWNED)
async def test_what_belongs_to_somebody_else_is_not_there(
    opened: Callable[[str], Awaitable[Running]], package: str, name: str
) -> None:
    running, row = await opened(package), ROWS[package][name]
    [thing] = await running.rows(row.thing, owner=OWNER)

    stranger = await call(running, name, running.bearer(STRANGER), thing, row.body)
    nothing = await call(running, name, running.bearer(STRANGER), (), row.body)
    owner = await call(running, name, running.bearer(OWNER), thing, row.body)

    assert (stranger.status_code, stranger.content) == (404, nothing.content)
    assert owner.is_success, owner.text
