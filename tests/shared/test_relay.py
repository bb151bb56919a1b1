"""The relay on real PostgreSQL and Kafka: what it sends, in which order, and one at a time."""

import asyncio
import json

import pytest

from shared.outbox import publish, resend
from shared.relay import LANES_LOCK, RELAY_LOCK, Relay
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk, record


async def all_sent(desk: Desk) -> bool:
    return await desk.unsent() == 0


async def test_committed_events_are_sent_once_and_in_order_per_key(desk: Desk) -> None:
    said = [(f"key-{n % 7}", n) for n in range(3000)]
    await desk.say(*said)

    async with desk.relaying():
        await eventually(lambda: all_sent(desk))

    found = await desk.sent(3000)
    assert sorted(found) == sorted(said)
    for key in {name for name, _ in said}:
        assert [n for name, n in found if name == key] == [n for name, n in said if name == key]


async def test_event_of_a_transaction_that_failed_is_not_sent(desk: Desk) -> None:
    async def fail() -> None:
        async with desk.database.transaction() as session:
            publish(session, desk.noted(name="ghost", n=0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await desk.say(("real", 1))

    async with desk.relaying():
        await eventually(lambda: all_sent(desk))

    assert await desk.sent(1) == [("real", 1)]


async def test_doorbell_wakes_the_relay_before_its_sweep(desk: Desk) -> None:
    async with desk.relaying() as relay:
        await desk.say(("warm", 0))
        await eventually(lambda: all_sent(desk))
        took = []
        for n in range(5):
            begun = asyncio.get_running_loop().time()
            await desk.say(("quick", n))
            await eventually(lambda: all_sent(desk))
            took.append(asyncio.get_running_loop().time() - begun)
        assert relay.active

    assert sorted(took)[2] < 0.5, took


async def test_row_that_commits_late_is_sent_too(desk: Desk) -> None:
    """Ids are taken before the commit: a row may become visible after rows with higher ids were sent."""
    late = await desk.database.connect()
    transaction = late.transaction()
    await transaction.start()
    key, value, headers = record(desk.noted(name="late", n=1))
    await late.execute(
        "INSERT INTO outbox (event_id, topic, key, headers, value) VALUES (gen_random_uuid(), $1, $2, $3, $4)",
        desk.topic,
        key,
        json.dumps({name: content.decode() for name, content in headers}),
        value,
    )
    async with desk.relaying():
        await desk.say(("early", 2))
        await eventually(lambda: all_sent(desk))
        await transaction.commit()
        await eventually(lambda: all_sent(desk))
    await late.close()

    assert sorted(await desk.sent(2)) == [("early", 2), ("late", 1)]


async def test_one_relay_is_active_and_the_next_takes_over(desk: Desk) -> None:
    async with desk.relaying() as first:
        await eventually(lambda: is_active(first))
        async with desk.relaying() as second:
            await desk.say(("a", 1))
            await eventually(lambda: all_sent(desk))
            assert not second.active

            await desk.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND objid = :lock AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                lock=RELAY_LOCK & 0xFFFFFFFF,
            )
            await desk.say(("a", 2), ("a", 3))
            await eventually(lambda: all_sent(desk))
            await eventually(lambda: exactly_one(first, second))

    assert dict.fromkeys(await desk.sent(3)) == dict.fromkeys([("a", 1), ("a", 2), ("a", 3)])


async def test_relay_waits_for_the_rows_that_a_dying_one_still_holds(desk: Desk) -> None:
    """A killed process's connections end one by one: its place may be free while its lanes still hold rows."""
    await desk.say(("a", 1), ("a", 2))
    dying = await desk.database.connect()
    await dying.execute("SELECT pg_advisory_lock_shared($1)", LANES_LOCK)
    transaction = dying.transaction()
    await transaction.start()
    await dying.execute("SELECT 1 FROM outbox ORDER BY id LIMIT 1 FOR UPDATE")

    async with desk.relaying() as relay:
        await eventually(lambda: waits_for_lanes(desk))
        assert not relay.active
        assert await desk.unsent() == 2
        await dying.close()
        await eventually(lambda: all_sent(desk))

    assert await desk.sent(2) == [("a", 1), ("a", 2)]


async def test_row_too_large_for_the_client_holds_only_its_key(desk: Desk) -> None:
    await desk.say(("big", 1), text="x" * 400_000)
    await desk.rows("UPDATE outbox SET value = decode(repeat('00', 1200000), 'hex') RETURNING 1")
    await desk.say(("big", 2), ("small", 3))

    async with desk.relaying():
        await eventually(lambda: unsent_is(desk, 2))

    assert await desk.sent(1) == [("small", 3)]
    assert await desk.rows("SELECT key, refusal FROM outbox WHERE refused_at IS NOT NULL") == [
        ("big", "MessageSizeTooLargeError")
    ]


async def test_row_too_large_for_the_broker_holds_only_its_key(desk_of: OpenDesk, kafka: str) -> None:
    desk = await desk_of(kafka, partitions=1, max_message_bytes="160000")
    await desk.say(*(("a", n) for n in range(300)))
    await desk.say(("big", 0), text="x" * 300_000)
    await desk.say(("big", 1), *(("a", n) for n in range(300, 2400)))

    async with desk.relaying():
        await eventually(lambda: unsent_is(desk, 2), 60)

    found = await desk.sent(2400)
    assert list(dict.fromkeys(found)) == [("a", n) for n in range(2400)], "first occurrences are in order"
    assert await desk.rows("SELECT key, refused_at IS NOT NULL FROM outbox WHERE sent_at IS NULL ORDER BY id") == [
        ("big", True),
        ("big", False),
    ]


async def test_what_follows_a_refused_batch_does_not_overtake_it(desk_of: OpenDesk, kafka: str) -> None:
    """A new producer's first batch may have any sequence number: the broker would take one after a refused one."""
    desk = await desk_of(kafka, partitions=1, max_message_bytes="100000")
    await desk.say(*(("a", n) for n in range(40)), text="x" * 10_000)  # batches of 12: each above the limit

    async with desk.relaying():
        await eventually(lambda: all_sent(desk), 60)

    assert list(dict.fromkeys(await desk.sent(40))) == [("a", n) for n in range(40)]


async def test_resent_rows_go_out_again_as_they_were(desk: Desk) -> None:
    await desk.say(("a", 1), ("a", 2))
    async with desk.relaying():
        await eventually(lambda: all_sent(desk))
        since = await desk.value("SELECT min(created_at) FROM outbox")

        assert await resend(desk.database, since) == 2
        await eventually(lambda: all_sent(desk))

    assert await desk.sent(4) == [("a", 1), ("a", 2), ("a", 1), ("a", 2)]


async def is_active(relay: Relay) -> bool:
    return relay.active


async def exactly_one(*relays: Relay) -> bool:
    return sum(relay.active for relay in relays) == 1


async def unsent_is(desk: Desk, count: int) -> bool:
    return await desk.unsent() == count


async def waits_for_lanes(desk: Desk) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND NOT granted"
    return bool(await desk.value(waiting, lock=LANES_LOCK & 0xFFFFFFFF))
