"""Erasure: nothing personal stays, receipts complete it, nothing brings anybody back; over HTTP on real PostgreSQL."""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from identity import erasing
from shared.contracts import billing_link, notifier
from shared.contracts.identity import ErasedContacts, SessionsEnded, UserErased
from tests.identity.conftest import PASSWORD, Identity, bearer
from tests.kit import problem

OLD = "qwerty77"
NUMBER = "67123456"
CANARIES = ("canary-login", "canary-mailbox", "canary-pending", "79121112233", "canary-browser", "canary-reason")


async def erase(identity: Identity, here: dict[str, Any], password: str = PASSWORD, **headers: str) -> httpx2.Response:
    body = {"current_password": password}
    return await identity.client.post("/v1/me/erasures", json=body, headers={**bearer(here), **headers})


async def signed_in(identity: Identity) -> dict[str, Any]:
    await identity.registered()
    tokens: dict[str, Any] = (await identity.sign_in()).json()
    return tokens


async def dump(identity: Identity) -> str:
    """Every row of every table, as text."""
    tables = await identity.running.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [await identity.running.rows(f'SELECT t::text, t FROM "{name}" AS t') for (name,) in tables]
    return "\n".join(str(row[0]) for table in rows for row in table)


async def missing(identity: Identity) -> Sequence[list[str]]:
    async with identity.running.kernel.database.transaction() as session:
        return [row["missing"] for row in await erasing.listed(session, 10, only_open=True)]


async def test_nothing_personal_of_an_erased_user_is_left(identity: Identity) -> None:
    phone = "+79121112233"
    identity.client.headers["User-Agent"] = "canary-browser"
    await identity.registered(
        login="canary-login", email="canary-mailbox@mail.ru", phone=phone, phone_proof=identity.phone_proof(phone)
    )
    here = (await identity.sign_in("canary-login")).json()
    change = {"email": "canary-pending@mail.ru", "current_password": PASSWORD}
    await identity.client.put("/v1/me/email", json=change, headers=bearer(here))
    await identity.sign_in("canary-login", "не тот")
    await identity.recover("canary-mailbox@mail.ru")
    await identity.decide()
    await identity.running.rows(
        "INSERT INTO user_acts (id, user_id, act, done_by, reason)"
        " SELECT gen_random_uuid(), id, 'show', 'support', 'canary-reason' FROM users RETURNING 1"
    )
    before = await dump(identity)

    answer = await erase(identity, here)

    after = await dump(identity)
    assert answer.status_code == 202, answer.text
    assert [canary for canary in CANARIES if canary not in before] == []
    assert [canary for canary in CANARIES if canary in after] == []
    assert "$argon2" not in after


async def test_erasure_is_said_last_and_ends_every_session(identity: Identity) -> None:
    here = await signed_in(identity)
    elsewhere = (await identity.sign_in()).json()

    answer = await erase(identity, here)

    assert UUID(answer.json()["id"])
    for tokens in (here, elsewhere):
        assert (await identity.client.get("/v1/me", headers=bearer(tokens))).status_code == 401
        refreshed = await identity.client.post("/v1/sessions/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert problem(refreshed)["code"] == "session-ended"
    ended, erased = (await identity.running.said())[-2:]
    assert isinstance(ended, SessionsEnded)
    assert isinstance(erased, UserErased)
    assert {str(one) for one in ended.session_ids} == {here["session_id"], elsewhere["session_id"]}
    assert identity.opened(erased, ErasedContacts).email == "petrova@mail.ru"


async def test_wrong_password_erases_nobody(identity: Identity) -> None:
    here = await signed_in(identity)

    answer = await erase(identity, here, "не тот")

    assert problem(answer)["code"] == "wrong-password"
    assert (await identity.client.get("/v1/me", headers=bearer(here))).status_code == 200


async def test_parallel_erasures_are_one(identity: Identity) -> None:
    here = await signed_in(identity)

    answers = await asyncio.gather(*(erase(identity, here) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [202] + [401] * 4
    assert len(await identity.running.said(UserErased)) == 1


async def test_receipts_of_all_services_complete_an_erasure(identity: Identity) -> None:
    here = await signed_in(identity)
    user_id = UUID(here["user"]["id"])
    await erase(identity, here)
    waits = [await missing(identity)]

    await identity.running.hears(notifier.UserDataErased(user_id=user_id))
    waits.append(await missing(identity))
    await identity.running.hears(notifier.UserDataErased(user_id=user_id))
    waits.append(await missing(identity))
    await identity.running.hears(billing_link.UserDataErased(user_id=user_id))
    waits.append(await missing(identity))

    assert waits == [[["billing-link", "notifier"]], [["billing-link"]], [["billing-link"]], []]
    [(completed,)] = await identity.running.rows("SELECT completed_at IS NOT NULL FROM erasures")
    assert completed


async def test_receipts_that_come_at_once_complete_an_erasure(identity: Identity) -> None:
    here = await signed_in(identity)
    user_id = UUID(here["user"]["id"])
    await erase(identity, here)

    await asyncio.gather(
        identity.running.hears(notifier.UserDataErased(user_id=user_id)),
        identity.running.hears(billing_link.UserDataErased(user_id=user_id)),
    )

    assert await missing(identity) == []


async def test_late_events_of_an_erased_user_change_nothing(identity: Identity) -> None:
    here = await signed_in(identity)
    user_id = UUID(here["user"]["id"])
    await erase(identity, here)
    before = await dump(identity)

    event = notifier.NotificationFailed(
        notification_id=user_id, user_id=user_id, kind="welcome", channel="email", reason="rejected"
    )
    await identity.running.hears(event)

    after = await dump(identity)
    assert [line for line in after.splitlines() if line not in before and str(event.id) not in line] == []


async def test_login_is_free_again(identity: Identity) -> None:
    here = await signed_in(identity)
    for n in range(10):
        await identity.sign_in(password=f"не тот {n}")
    await erase(identity, here)

    again = await identity.registered()

    assert again != here["user"]["id"]
    assert (await identity.sign_in()).status_code == 201


async def test_links_and_device_of_an_erased_user_open_nothing(identity: Identity) -> None:
    here = await signed_in(identity)
    await identity.recover("petrova")
    [letter] = await identity.recoveries()
    await erase(identity, here)
    await identity.registered()

    assert problem(await identity.reset(letter.token))["code"] == "link-not-valid"
    device = (await identity.sign_in(device=here["device"])).json()["device"]
    assert device != here["device"]


@pytest.mark.parametrize("moves_in", [False, True])
async def test_later_import_revives_nobody(identity: Identity, tmp_path: Path, moves_in: bool) -> None:
    old = (NUMBER, hashlib.md5(OLD.encode()).hexdigest(), "old@mail.ru", "")
    await identity.import_old(tmp_path, old)
    if moves_in:
        here, password = await signed_in(identity), PASSWORD
        body = {"login": NUMBER, "password": OLD}
        assert (await identity.client.post("/v1/me/legacy-logins", json=body, headers=bearer(here))).is_success
    else:
        here, password = (await identity.sign_in(NUMBER, OLD)).json(), OLD
    assert (await erase(identity, here, password)).status_code == 202

    again = await identity.import_old(tmp_path, old)

    assert (again.new, again.moved) == (0, 1)
    assert (await identity.sign_in(NUMBER, OLD)).status_code == 401
    assert "old@mail.ru" not in await dump(identity)


async def test_whatever_happens_at_the_moment_of_an_erasure_leaves_nothing(identity: Identity) -> None:
    here = await signed_in(identity)
    change = {"email": "new@mail.ru", "current_password": PASSWORD}

    erased, *others = await asyncio.gather(
        erase(identity, here),
        *(identity.sign_in(device=here["device"]) for _ in range(3)),
        identity.client.put("/v1/me/email", json=change, headers=bearer(here)),
        identity.client.patch("/v1/me", json={"locale": "en"}, headers=bearer(here)),
        identity.client.post("/v1/sessions/refresh", json={"refresh_token": here["refresh_token"]}),
    )

    assert erased.status_code == 202, erased.text
    assert max(answer.status_code for answer in others) < 500
    for table in ("users", "sessions", "devices", "history_entries", "one_time_tokens"):
        assert await identity.running.rows(f"SELECT 1 FROM {table}") == [], table
    assert isinstance((await identity.running.said())[-1], UserErased)
