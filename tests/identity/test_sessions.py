"""Sessions and devices: the list, their ends and lives, over HTTP on real PostgreSQL."""

import asyncio
from datetime import datetime
from typing import Any

from uuid_utils.compat import uuid7

from shared.contracts.identity import SessionsEnded, SessionStarted
from tests.identity.conftest import Identity, bearer
from tests.kit import problem


async def listed(identity: Identity, tokens: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await identity.client.get("/v1/sessions", headers=bearer(tokens))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def refresh(identity: Identity, tokens: dict[str, Any]) -> int:
    body = {"refresh_token": tokens["refresh_token"]}
    return (await identity.client.post("/v1/sessions/refresh", json=body)).status_code


async def test_list_tells_where_somebody_is_signed_in(identity: Identity) -> None:
    await identity.registered()
    first = (await identity.sign_in()).json()
    identity.client.headers["User-Agent"] = "Firefox on Linux"
    second = (await identity.sign_in()).json()

    items = await listed(identity, second)

    assert [(one["id"], one["current"]) for one in items] == [
        (second["session_id"], True),
        (first["session_id"], False),
    ]
    assert items[0]["user_agent"] == "Firefox on Linux"
    assert items[0]["address"]
    assert datetime.fromisoformat(items[0]["created_at"]) <= datetime.fromisoformat(items[0]["last_seen_at"])


async def test_list_shows_nobody_elses_sessions_and_none_that_ended(identity: Identity) -> None:
    await identity.registered()
    await identity.registered(login="ivanov", phone="+79120000001", phone_proof=identity.phone_proof("+79120000001"))
    mine, ended = (await identity.sign_in()).json(), (await identity.sign_in()).json()
    idle = (await identity.sign_in()).json()
    theirs = (await identity.sign_in("ivanov")).json()
    await identity.client.delete("/v1/sessions/current", headers=bearer(ended))
    await identity.running.rows(
        "UPDATE sessions SET last_seen_at = now() - interval '15 days' WHERE id = :id RETURNING 1",
        id=idle["session_id"],
    )

    assert [one["id"] for one in await listed(identity, mine)] == [mine["session_id"]]
    assert [one["id"] for one in await listed(identity, theirs)] == [theirs["session_id"]]


async def test_one_session_is_ended_from_another_and_refused_at_once(identity: Identity) -> None:
    await identity.registered()
    lost, here = (await identity.sign_in()).json(), (await identity.sign_in()).json()

    answer = await identity.client.delete(f"/v1/sessions/{lost['session_id']}", headers=bearer(here))
    again = await identity.client.delete(f"/v1/sessions/{lost['session_id']}", headers=bearer(here))

    assert (answer.status_code, again.status_code) == (204, 404)
    assert (await identity.client.get("/v1/me", headers=bearer(lost))).status_code == 401
    assert await refresh(identity, lost) == 401
    assert (await identity.client.get("/v1/me", headers=bearer(here))).status_code == 200
    [event] = await identity.running.said(SessionsEnded)
    assert ([str(one) for one in event.session_ids], event.reason) == ([lost["session_id"]], "ended_by_user")


async def test_somebody_elses_session_is_not_there(identity: Identity) -> None:
    await identity.registered()
    await identity.registered(login="ivanov", phone="+79120000001", phone_proof=identity.phone_proof("+79120000001"))
    mine, theirs = (await identity.sign_in()).json(), (await identity.sign_in("ivanov")).json()

    answer = await identity.client.delete(f"/v1/sessions/{theirs['session_id']}", headers=bearer(mine))
    unknown = await identity.client.delete(f"/v1/sessions/{uuid7()}", headers=bearer(mine))

    assert answer.status_code == 404
    assert answer.content == unknown.content
    assert await refresh(identity, theirs) == 200


async def test_all_others_end_together(identity: Identity) -> None:
    await identity.registered()
    others = [(await identity.sign_in()).json() for _ in range(3)]
    here = (await identity.sign_in()).json()

    answer = await identity.client.delete("/v1/sessions", headers=bearer(here))

    assert answer.status_code == 204
    assert [await refresh(identity, one) for one in (*others, here)] == [401, 401, 401, 200]
    [event] = await identity.running.said(SessionsEnded)
    assert {str(one) for one in event.session_ids} == {one["session_id"] for one in others}


async def test_eleventh_session_ends_the_oldest(identity: Identity) -> None:
    await identity.registered()

    tokens = [(await identity.sign_in()).json() for _ in range(11)]

    assert [one["id"] for one in await listed(identity, tokens[-1])] == [
        one["session_id"] for one in reversed(tokens[1:])
    ]
    assert (await identity.client.get("/v1/me", headers=bearer(tokens[0]))).status_code == 401
    [event] = await identity.running.said(SessionsEnded)
    assert ([str(one) for one in event.session_ids], event.reason) == ([tokens[0]["session_id"]], "too_many_sessions")


async def test_parallel_sign_ins_leave_ten_sessions(identity: Identity) -> None:
    await identity.registered()

    for _ in range(2):  # as many at once as a login's guesses bear
        await asyncio.gather(*(identity.sign_in() for _ in range(9)))

    assert await identity.running.rows("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(10,)]


async def test_session_ends_absolutely_however_often_it_is_refreshed(identity: Identity) -> None:
    await identity.registered()
    tokens = (await identity.sign_in()).json()
    await identity.let_pass("sessions", "created_at", "89 days 23 hours")

    renewed = await identity.client.post("/v1/sessions/refresh", json={"refresh_token": tokens["refresh_token"]})
    await identity.let_pass("sessions", "created_at", "2 hours")

    assert 3500 <= renewed.json()["refresh_expires_in"] <= 3600
    assert await refresh(identity, renewed.json()) == 401


async def test_refreshing_keeps_an_idle_session_alive(identity: Identity) -> None:
    await identity.registered()
    tokens = (await identity.sign_in()).json()

    for _ in range(3):
        await identity.let_pass("sessions", "last_seen_at", "13 days")
        answer = await identity.client.post("/v1/sessions/refresh", json={"refresh_token": tokens["refresh_token"]})
        tokens = answer.json()

    assert answer.status_code == 200


async def test_parallel_refreshes_get_one_successor(identity: Identity) -> None:
    await identity.registered()
    token = (await identity.sign_in()).json()["refresh_token"]

    answers = await asyncio.gather(
        *(identity.client.post("/v1/sessions/refresh", json={"refresh_token": token}) for _ in range(20))
    )

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert await identity.running.rows("SELECT counter FROM sessions") == [(1,)]


async def test_device_token_belongs_to_one_user(identity: Identity) -> None:
    await identity.registered()
    await identity.registered(login="ivanov", phone="+79120000001", phone_proof=identity.phone_proof("+79120000001"))
    await identity.sign_in("ivanov")
    device = (await identity.sign_in()).json()["device"]

    other = (await identity.sign_in("ivanov", device=device)).json()["device"]

    assert other != device
    assert [event.known_device for event in await identity.running.said(SessionStarted)] == [True, True, False]


async def test_blocked_user_gets_no_session_by_any_path(identity: Identity) -> None:
    await identity.registered()
    tokens = (await identity.sign_in()).json()
    await identity.running.rows("UPDATE users SET status = 'blocked' RETURNING 1")

    assert await refresh(identity, tokens) == 401
    assert problem(await identity.sign_in())["code"] == "user-blocked"
    assert (await identity.client.get("/v1/me", headers=bearer(tokens))).status_code == 401


async def test_refreshes_and_ends_at_once_wait_for_each_other_and_end_what_is_said(identity: Identity) -> None:
    await identity.registered()
    here, other = (await identity.sign_in()).json(), (await identity.sign_in()).json()

    statuses = await asyncio.gather(
        *(refresh(identity, other) for _ in range(10)),
        *(refresh(identity, {"refresh_token": f"{other['session_id']}.9.00"}) for _ in range(3)),
        *(one_status(identity, "DELETE", "/v1/sessions", here) for _ in range(3)),
        *(one_status(identity, "DELETE", f"/v1/sessions/{other['session_id']}", here) for _ in range(3)),
    )

    assert set(statuses) <= {200, 204, 401, 404}
    assert await refresh(identity, other) == 401
    [event] = await identity.running.said(SessionsEnded)
    assert [str(one) for one in event.session_ids] == [other["session_id"]]


async def one_status(identity: Identity, method: str, path: str, tokens: dict[str, Any]) -> int:
    return (await identity.client.request(method, path, headers=bearer(tokens))).status_code
