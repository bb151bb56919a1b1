"""What the kernel tells of itself: how far a consumer has come, what waits and who, what is ready."""

import asyncio
from typing import Any

from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import context, metrics, readiness
from shared.database import after_commit
from shared.inbox import Heard, each
from shared.outbox import publish
from tests.kit import Running, eventually
from tests.shared.desk import Desk, Noted


def told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"kabinet_{name}", labels) or 0


async def test_lag_is_what_is_not_committed(desk: Desk) -> None:
    let_go = asyncio.Event()

    async def slow(_session: AsyncSession, _event: Noted, _wired: Any) -> None:
        await let_go.wait()

    await desk.send_noted(*[("one-key", n) for n in range(5)])
    async with desk.consuming(Heard(desk.noted, slow)):
        await eventually(lambda: is_told(5, "consumer_lag_records", topic=desk.topic))
        assert told("consumer_joined", topic=desk.topic) == 1
        let_go.set()
        await eventually(lambda: is_told(0, "consumer_lag_records", topic=desk.topic))

    assert told("records_committed_total", topic=desk.topic) == 5
    assert told("record_delay_seconds_count", topic=desk.topic) >= 1
    assert told("consumer_joined", topic=desk.topic) == 0


async def is_told(value: float, name: str, **labels: str) -> bool:
    return told(name, **labels) == value


async def test_events_are_counted_by_type_once_kafka_has_them(desk: Desk) -> None:
    await desk.say(("a", 1), ("b", 2))
    await desk.rows("UPDATE outbox SET created_at = now() - interval '30 seconds' RETURNING 1")
    await readiness.measure(desk.database)
    assert told("events_sent_total", type=desk.noted.type) == 0
    assert 30 <= told("outbox_oldest_seconds") < 60

    async with desk.relaying():
        await eventually(lambda: is_told(2, "events_sent_total", type=desk.noted.type))

    await readiness.measure(desk.database)
    assert told("outbox_oldest_seconds") == 0


async def test_what_is_counted_after_the_commit_is_not_counted_without_one(desk: Desk) -> None:
    counted: list[str] = []

    async with desk.database.transaction() as session:
        after_commit(session, lambda: counted.append("committed"))
        assert counted == []
    try:
        async with desk.database.transaction() as session:
            after_commit(session, lambda: counted.append("rolled back"))
            await session.execute(text("SELECT 1 / 0"))
    except Exception:
        counted.append("failed")

    assert counted == ["committed", "failed"]


async def test_whoever_waits_for_a_connection_is_told(desk: Desk) -> None:
    size = desk.database.engine.pool.size()  # type: ignore[attr-defined]
    leave = asyncio.Event()

    async def stay() -> None:
        async with desk.database.transaction() as session:
            await session.execute(text("SELECT 1"))
            await leave.wait()

    def waited_long() -> float:
        return told("database_wait_seconds_count", pool="transactions") - told(
            "database_wait_seconds_bucket", pool="transactions", le="0.1"
        )

    before = waited_long()
    guests = [asyncio.create_task(stay()) for _ in range(size + 2)]
    await eventually(lambda: all_in_use(desk, size))
    await asyncio.wait(guests, timeout=0.15)
    leave.set()
    await asyncio.gather(*guests)

    assert told("database_connections_limit", pool="transactions") == size
    assert waited_long() >= before + 2


async def all_in_use(desk: Desk, size: int) -> bool:
    await desk.database.measure()
    return told("database_connections", pool="transactions") == size


async def test_each_check_of_readiness_is_a_gauge(room: Running) -> None:
    scraped = (await room.client.get("/metrics")).text

    assert 'kabinet_ready{check="database",level="needed"} 1.0' in scraped
    assert 'kabinet_ready{check="broker",level="useful"} 0.0' in scraped  # there is none


async def test_refusals_are_counted_by_their_code(room: Running) -> None:
    codes = ("invalid-fields", "not-found", "invalid-json")
    before = [told("refusals_total", code=code) for code in codes]

    await room.client.post("/v1/notes", json={"unknown": 1})
    await room.client.get("/v1/nothing")
    await room.client.post("/v1/notes", content=b"{", headers={"Content-Type": "application/json"})

    assert [told("refusals_total", code=code) for code in codes] == [count + 1 for count in before]
    assert metrics.in_flight._value.get() == 0


async def test_what_a_batch_says_belongs_to_the_trace_of_each_of_its_events(desk: Desk) -> None:
    async def answer(session: AsyncSession, events: list[Noted], _wired: Any) -> None:
        for event in events:
            with each(event):
                publish(session, desk.crossed(name=event.name))

    traces = [f"00-{n:032x}-{n:016x}-01" for n in range(1, 4)]
    for n, trace in enumerate(traces):
        token = context.traceparent.set(trace)
        await desk.say((f"key-{n}", n))
        context.traceparent.reset(token)
    async with desk.relaying(), desk.consuming(Heard(desk.noted, answer, batch=True)):
        await eventually(lambda: six_rows(desk))

    found = await desk.rows("SELECT key, headers->>'ce_traceparent' FROM outbox ORDER BY key, id")
    assert found == [(f"key-{n}", trace) for n, trace in enumerate(traces) for _ in ("noted", "crossed")]


async def six_rows(desk: Desk) -> bool:
    return bool(await desk.value("SELECT count(*) = 6 FROM outbox"))
