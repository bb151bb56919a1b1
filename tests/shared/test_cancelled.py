"""Requests whose callers go away in the middle: no connection is lost, no answer reaches somebody else."""

import asyncio

from sqlalchemy.pool import AsyncAdaptedQueuePool
from uuid_utils.compat import uuid7

from tests.kit import Running, eventually


async def test_cancelled_requests_leave_the_pool_whole_and_cross_no_answers(room: Running) -> None:
    pool = room.kernel.database.engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    user = uuid7()

    async def ask(title: str, after: float | None) -> None:
        request = room.client.post("/v1/effects", json={"title": title}, headers=room.bearer(user))
        asking = asyncio.create_task(request)
        if after is not None:
            await asyncio.wait([asking], timeout=after)
            asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    for begun in range(0, 300, 20):
        await asyncio.gather(*(ask(f"n{n}", (n % 40) / 2000) for n in range(begun, begun + 20)))

    async def whole() -> bool:
        return pool.checkedout() == 0

    await eventually(whole, 5)
    users = [uuid7() for _ in range(30)]
    answers = await asyncio.gather(*(room.client.get("/v1/mine", headers=room.bearer(one)) for one in users))
    assert [answer.json()["user_id"] for answer in answers] == [str(one) for one in users]
