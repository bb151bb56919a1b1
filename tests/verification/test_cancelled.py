"""Two thousand callers who hang up: the pools are whole afterwards, and nobody gets another's answer."""

import asyncio
import base64
import json
from collections.abc import Callable
from itertools import islice
from random import Random
from typing import Any

import httpx2

from shared.contracts.verification import CodeRequested
from tests.kit import Running, eventually, problem
from tests.verification.asking import ask, check, phones, secrets, wrong
from tests.verification.conftest import Open

CALLERS = 2000
AT_ONCE = 50
POOL_SECONDS = 5.0
PEOPLE = 20


async def hang_up(call: Any, after: float) -> bool:
    """Whether the caller hung up before the answer."""
    task = asyncio.ensure_future(call)
    await asyncio.wait([task], timeout=after)
    task.cancel()
    return not isinstance((await asyncio.gather(task, return_exceptions=True))[0], httpx2.Response)


async def pools_are_whole(running: Running) -> bool:
    database: Any = running.kernel.database.engine.pool
    redis = running.wired.live._redis.connection_pool
    return database.checkedout() == 0 and not redis._in_use_connections


async def test_pools_are_whole_after_a_storm_of_cancelled_calls_and_no_reply_is_crossed(
    open_verification: Open, tell: Callable[[str], None]
) -> None:
    verification = await open_verification(
        address_sends_per_hour=100_000, prefix_sends_per_hour=100_000, money_per_hour_roubles=100_000
    )
    random, numbers = Random(7), phones(apart=10_000)
    people = {}
    for phone in islice(numbers, PEOPLE):
        people[phone] = (await ask(verification, phone)).json()["id"]
    codes = {str(event.code_id): secrets(verification, event) for event in await verification.said(CodeRequested)}
    hung_up = 0
    callers = iter(range(CALLERS))

    async def call_and_hang_up() -> None:
        nonlocal hung_up
        for number in callers:
            unknown = "019ac000-0000-7000-8000-000000000000"
            call = ask(verification, next(numbers)) if number % 2 else check(verification, unknown, "00000")
            gone = await hang_up(call, random.uniform(0, 0.25))
            hung_up += gone

    await asyncio.gather(*(call_and_hang_up() for _ in range(AT_ONCE)))
    begun = asyncio.get_running_loop().time()
    await eventually(lambda: pools_are_whole(verification), POOL_SECONDS)
    whole = asyncio.get_running_loop().time() - begun

    tell(f"{CALLERS:,} calls, {hung_up:,} hung up before their answer; pools whole after {whole:.2f} s")
    assert hung_up > CALLERS / 4
    wrongs = await asyncio.gather(*(check(verification, id, wrong(codes[id].code)) for id in people.values()))
    assert [problem(answer)["attempts_left"] for answer in wrongs] == [4] * PEOPLE
    rights = await asyncio.gather(*(check(verification, id, codes[id].code) for id in people.values()))
    proofs = [answer.json()["phone_proof"] for answer in rights]
    assert [claimed(proof) for proof in proofs] == list(people)
    sends = await verification.rows("SELECT (SELECT sum(cardinality(sent)) FROM phones), (SELECT count(*) FROM codes)")
    said = len(await verification.said(CodeRequested))
    assert sends == [(said, said)]  # wholly or not at all


def claimed(proof: str) -> str:
    """The phone of a proof, which has just come from the service itself."""
    body = proof.split(".")[1]
    phone: str = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["phone"]
    return phone
