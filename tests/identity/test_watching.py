"""What identity tells those who run it: erasures that are late, and how many wait to be let in."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable

from identity.main import service
from tests.identity.conftest import PASSWORD, Identity, bearer
from tests.kit import Running, eventually

OpenService = Callable[..., Awaitable[Running]]


async def metric(identity: Identity, name: str) -> float:
    """The value of one line of /metrics."""
    found = re.search(rf"^{name} (\S+)$", (await identity.client.get("/metrics")).text, re.MULTILINE)
    assert found, name
    return float(found[1])


async def test_an_erasure_that_is_late_is_named_by_readiness(identity: Identity) -> None:
    await identity.registered()
    here = (await identity.sign_in()).json()
    await identity.client.post("/v1/me/erasures", json={"current_password": PASSWORD}, headers=bearer(here))
    in_time = await identity.client.get("/readyz")
    await identity.let_pass("erasures", "requested_at", "25 hours")

    late = await identity.client.get("/readyz")

    assert (in_time.status_code, late.status_code) == (200, 200)
    assert "erasures" not in in_time.json().get("degraded", {})
    assert late.json()["degraded"]["erasures"].startswith("an erasure has waited 25 hours for its receipts")
    assert 25 * 3600 <= await metric(identity, "kabinet_erasures_oldest_seconds") < 26 * 3600


async def test_those_who_wait_to_sign_in_are_counted(identity: Identity) -> None:
    passwords = identity.running.wired.passwords
    leave = asyncio.Event()

    async def sign_in() -> None:
        async with passwords.turn():
            await leave.wait()

    people = [asyncio.create_task(sign_in()) for _ in range(50)]

    async def somebody_waits() -> bool:
        return await metric(identity, "kabinet_sign_ins_waiting") > 0

    await eventually(somebody_waits)
    waiting = await metric(identity, "kabinet_sign_ins_waiting")
    people.pop().cancel()
    leave.set()
    await asyncio.gather(*people)

    assert waiting == 50 - 3 * (os.cpu_count() or 1)
    assert await metric(identity, "kabinet_sign_ins_waiting") == 0


async def test_refused_guesses_are_counted_by_whose_limit_it_was(open_service: OpenService) -> None:
    identity = Identity(await open_service(service, guesses_per_address_minute=4, guesses_per_login=2))
    names = [f'kabinet_guesses_refused_total{{of="{of}"}}' for of in ("address", "login", "device")]
    before = [await metric(identity, re.escape(name)) for name in names]

    told = [await identity.sign_in(password="не тот") for _ in range(5)]

    assert [answer.status_code for answer in told] == [401, 401, 429, 429, 429]
    after = [await metric(identity, re.escape(name)) for name in names]
    assert [count - was for count, was in zip(after, before, strict=True)] == [1, 2, 0]
