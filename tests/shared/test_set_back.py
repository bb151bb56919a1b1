"""A database that was set back to an earlier moment: what its topic still knows, and reading on from that moment."""

from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import TopicPartition

from shared.broker import Broker
from shared.complaints import CannotGoOn
from shared.rewinding import rewind
from shared.said import Said, reconcile, said_since
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk
from tests.shared.test_relay import all_sent

LONG_AGO = timedelta(hours=1)


def before() -> datetime:
    return datetime.now(UTC) - LONG_AGO


def partitions(desk: Desk) -> list[TopicPartition]:
    return [TopicPartition(desk.topic, number) for number in range(desk.partitions)]


async def told(desk: Desk, since: datetime) -> list[Said]:
    return [one async for batch in said_since(desk.database, Broker(desk.kafka), since) for one in batch]


async def test_what_was_said_in_the_lost_time_is_told_apart_in_the_order_of_each_key(desk: Desk) -> None:
    async with desk.relaying():
        await desk.say(*((name, n) for n in range(6) for name in ("a", "b")))
        await eventually(lambda: all_sent(desk))
    await desk.rows("DELETE FROM outbox WHERE convert_from(value, 'UTF8')::json->>'n' > '2' RETURNING 1")

    found = await told(desk, before())

    by_key = [[(one.event.n, one.forgotten) for one in found if one.event.key == key] for key in ("a", "b")]  # type: ignore[attr-defined]
    assert by_key == [[(n, n > 2) for n in range(6)]] * 2


async def test_events_of_before_the_moment_are_passed_over(desk: Desk) -> None:
    async with desk.relaying():
        await desk.say(("a", 1))
        await eventually(lambda: all_sent(desk))

    assert await told(desk, datetime.now(UTC) + LONG_AGO) == []


async def test_events_that_the_topic_has_are_not_sent_again_after_a_set_back(desk: Desk) -> None:
    async with desk.relaying():
        await desk.say(("a", 1), ("b", 2))
        await eventually(lambda: all_sent(desk))
    await desk.rows("UPDATE outbox SET sent_at = NULL RETURNING 1")  # as they stood at that moment
    await desk.say(("a", 3))

    counts = await reconcile(desk.database, Broker(desk.kafka), before())

    assert (counts, await desk.unsent()) == ((2, 0), 1)
    async with desk.relaying():
        await eventually(lambda: all_sent(desk))
    assert sorted(await desk.sent(3)) == [("a", 1), ("a", 3), ("b", 2)]


async def test_reader_whose_database_was_set_back_reads_the_lost_time_again(desk: Desk) -> None:
    async with desk.consuming():
        await desk.send_noted(("a", 1), ("b", 2))
        await desk.had(("a", 1), ("b", 2))
        await eventually(lambda: behind(desk, 2))
    await desk.rows("DELETE FROM inbox RETURNING 1")
    await desk.rows("DELETE FROM effects RETURNING 1")

    back = await rewind(Broker(desk.kafka), desk.name, partitions(desk), before())

    assert sorted(back.values()) == [0] * len(back) != []
    async with desk.consuming():
        await desk.had(("a", 1), ("b", 2))


async def test_what_the_inbox_remembers_is_read_again_without_an_effect(desk: Desk) -> None:
    async with desk.consuming():
        await desk.send_noted(("a", 1))
        await desk.had(("a", 1))
        await eventually(lambda: behind(desk, 1))

    await rewind(Broker(desk.kafka), desk.name, partitions(desk), before())

    async with desk.consuming():
        await desk.send_noted(("a", 2))
        await desk.had(("a", 1), ("a", 2))


async def test_reader_that_runs_is_not_rewound(desk: Desk) -> None:
    async with desk.consuming():
        await desk.send_noted(("a", 1))
        await eventually(lambda: behind(desk, 1))

        with pytest.raises(CannotGoOn, match="still runs"):
            await rewind(Broker(desk.kafka), desk.name, partitions(desk), before())


async def test_broker_that_is_away_is_told_in_one_line(desk_of: OpenDesk) -> None:
    desk = await desk_of("")

    with pytest.raises(CannotGoOn, match="does the broker answer"):
        await reconcile(desk.database, Broker("127.0.0.1:1"), before())
    with pytest.raises(CannotGoOn, match="does the broker answer"):
        await rewind(Broker("127.0.0.1:1"), desk.name, partitions(desk), before())


async def behind(desk: Desk, count: int) -> bool:
    return await desk.committed() >= count
