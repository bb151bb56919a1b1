"""Idempotency-Key: one effect and one answer per key, in the transaction of the effect."""

import asyncio
from uuid import UUID

import httpx2
import pytest
from uuid_utils.compat import uuid7

from tests.kit import Running, eventually, problem

KEY, USER = "0123456789abcdef", uuid7()


async def ask(room: Running, title: str = "a", key: str | None = KEY, user: UUID = USER) -> httpx2.Response:
    headers = room.bearer(user) | ({"Idempotency-Key": key} if key is not None else {})
    return await room.client.post("/v1/effects", json={"title": title}, headers=headers)


async def effects(room: Running) -> int:
    return int((await room.rows("SELECT count(*) FROM effects"))[0][0])


async def test_same_key_and_body_is_the_same_answer_and_one_effect(room: Running) -> None:
    first, second = await ask(room), await ask(room)

    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["location"] == first.headers["location"]
    assert await effects(room) == 1


async def test_same_key_with_another_body_is_refused(room: Running) -> None:
    await ask(room)

    answer = await ask(room, "b")

    assert (answer.status_code, problem(answer)["code"]) == (422, "idempotency-key-reused")
    assert await effects(room) == 1


async def test_without_a_key_each_request_has_its_effect(room: Running) -> None:
    await ask(room, key=None)
    await ask(room, key=None)

    assert await effects(room) == 2


async def test_key_of_another_user_is_another_key(room: Running) -> None:
    await ask(room)

    assert (await ask(room, "b", user=uuid7())).status_code == 201
    assert await effects(room) == 2


async def test_refused_request_may_be_sent_again_with_its_key(room: Running) -> None:
    assert (await ask(room, "fails")).status_code == 409

    assert (await ask(room, "a")).status_code == 201


async def test_request_that_still_runs_is_409(room: Running) -> None:
    first = asyncio.create_task(ask(room, "waits"))

    async def runs() -> bool:
        locks = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database ="
        locks += " (SELECT oid FROM pg_database WHERE datname = current_database())"
        return bool(await room.rows(locks))

    await eventually(runs)
    second = await ask(room, "waits")
    room.wired.set()
    done = await first

    assert (problem(second)["code"], second.headers["retry-after"]) == ("request-in-flight", "1")
    assert done.status_code == 201
    assert (await ask(room, "waits")).content == done.content
    assert await effects(room) == 1


async def test_parallel_requests_have_one_effect(room: Running) -> None:
    answers = await asyncio.gather(*(ask(room) for _ in range(30)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert await effects(room) == 1


async def test_answer_is_kept_for_24_hours(room: Running) -> None:
    await ask(room)
    await room.rows("UPDATE idempotent_answers SET answered_at = now() - interval '23 hours 59 minutes' RETURNING 1")
    assert (await ask(room)).status_code == 201
    assert await effects(room) == 1

    await room.rows("UPDATE idempotent_answers SET answered_at = now() - interval '24 hours 1 minute' RETURNING 1")
    assert (await ask(room, "b")).status_code == 201
    assert await effects(room) == 2


@pytest.mark.parametrize("key", ["short", "x" * 129, "with a space in it", ""])
async def test_key_of_another_form_is_400(room: Running, key: str) -> None:
    headers = room.bearer(USER) | {"Idempotency-Key": key}
    answer = await room.client.post("/v1/effects", json={"title": "a"}, headers=headers)

    assert (answer.status_code, problem(answer)["code"]) == (400, "idempotency-key-invalid")


async def test_anonymous_callers_share_the_key_of_a_route(room: Running) -> None:
    async def anonymous(title: str) -> httpx2.Response:
        return await room.client.post("/v1/anonymous", json={"title": title}, headers={"Idempotency-Key": KEY})

    assert (await anonymous("a")).content == (await anonymous("a")).content
    assert (await anonymous("b")).status_code == 422
    assert (await ask(room)).status_code == 201
    assert await effects(room) == 2


async def test_neither_body_nor_key_is_stored_readably(room: Running) -> None:
    await ask(room, "canary-title", key="canary-key-0123456789")

    rows = await room.rows("SELECT scope, body FROM idempotent_answers")

    assert rows
    assert all(b"canary" not in bytes(value) for row in rows for value in row)
