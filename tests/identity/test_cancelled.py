"""Callers who go away in the middle: no connection is lost, and nobody gets an answer that is somebody else's."""

import asyncio
import random
from typing import Any

from sqlalchemy.pool import AsyncAdaptedQueuePool

from tests.identity.conftest import Identity, bearer
from tests.kit import eventually

REQUESTS, AT_ONCE = 2000, 50
SEED = 20261125


async def test_two_thousand_cancelled_requests_leave_pools_whole_and_cross_no_answers(identity: Identity) -> None:
    """On the calls that hold a connection, a thread of hashing, or both; cancelled after 0 to 20 ms, with one seed."""
    chance = random.Random(SEED)
    people: dict[str, dict[str, Any]] = {}
    for n in range(3):
        phone = f"+791200000{n:02}"
        login = f"petrova{n}"
        await identity.registered(login=login, phone=phone, phone_proof=identity.phone_proof(phone))
        people[login] = (await identity.sign_in(login)).json()
    pool = identity.running.kernel.database.engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)

    async def ask(login: str) -> None:
        here = people[login]
        asked = chance.choice(
            (
                ("GET", "/v1/me", None),
                ("GET", "/v1/sessions", None),
                ("POST", "/v1/sessions/refresh", {"refresh_token": here["refresh_token"]}),
                ("POST", "/v1/password-recoveries", {"login_or_email": login}),
                ("POST", "/v1/sessions", {"login": f"nobody-{chance.random()}", "password": "не тот"}),
            )
        )
        method, path, body = asked
        asking = asyncio.create_task(identity.client.request(method, path, json=body, headers=bearer(here)))
        await asyncio.wait([asking], timeout=chance.random() / 50)
        asking.cancel()
        [answer] = await asyncio.gather(asking, return_exceptions=True)
        if not isinstance(answer, BaseException) and path == "/v1/me" and answer.status_code == 200:
            assert answer.json()["login"] == login

    for _ in range(REQUESTS // AT_ONCE):
        await asyncio.gather(*(ask(chance.choice(sorted(people))) for _ in range(AT_ONCE)))

    async def whole() -> bool:
        return pool.checkedout() == 0

    await eventually(whole, 5)
    answers = await asyncio.gather(
        *(identity.client.get("/v1/me", headers=bearer(people[login])) for login in sorted(people) * 10)
    )
    assert [answer.json()["login"] for answer in answers] == sorted(people) * 10
    assert (await identity.sign_in("petrova0")).status_code == 201
