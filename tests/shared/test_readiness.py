"""What readiness and metrics say of dead letters, refused events, and a broker that goes and comes back."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from deploy.embedded.kafka import Kafka
from shared import readiness
from shared.broker import Broker
from shared.health import NotReady
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk


async def test_broker_that_hangs_and_comes_back_is_told_once_each(
    broker: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs lets itself be connected to: only an answer shows that it is there."""
    monkeypatch.setattr(readiness, "LOOK_SECONDS", 0.02)
    stop = asyncio.Event()
    assert broker.child.pid

    with capture_logs() as said:
        telling = asyncio.create_task(readiness.tell_of_broker(Broker(broker.bootstrap), stop))
        os.kill(broker.child.pid, signal.SIGSTOP)
        await eventually(lambda: _told(said, "broker_lost"))
        os.kill(broker.child.pid, signal.SIGCONT)
        await eventually(lambda: _told(said, "broker_back"))
        stop.set()
        await telling

    assert [entry["event"] for entry in said] == ["broker_lost", "broker_back"]


async def _told(said: Sequence[Mapping[str, object]], event: str) -> bool:
    return any(entry["event"] == event for entry in said)


async def with_letters(desk_of: OpenDesk) -> Desk:
    """Two letters of one topic and one of another wait, one is dropped; nothing else is wrong."""
    desk = await desk_of("")
    await desk.rows(
        "INSERT INTO dead_letters"
        " (id, topic, partition, position, key, type, event_id, headers, cause, parked_at, resolved_at, resolution)"
        " SELECT gen_random_uuid(), topic, 0, 1, 'canary', 't', gen_random_uuid(), '[]', 'c',"
        " now() - make_interval(secs => age), CASE WHEN gone THEN now() END, CASE WHEN gone THEN 'dropped' END"
        " FROM (VALUES ('x.events', 100, false), ('x.events', 50, false), ('y.events', 7200, false),"
        " ('z.events', 9000, true)) AS new (topic, age, gone) RETURNING 1"
    )
    return desk


async def test_letters_that_wait_are_told_by_topic_with_the_age_of_the_oldest(desk_of: OpenDesk) -> None:
    desk = await with_letters(desk_of)

    with pytest.raises(NotReady) as degraded:
        await readiness.letters_check(desk.database, 1000)()

    told = str(degraded.value)
    assert told.startswith("2 of x.events, 1 of y.events wait for a decision, the oldest for 720")
    assert told.endswith("see `dead-letters list`")
    assert "limit" not in told


async def test_limit_of_letters_is_told_when_it_is_reached(desk_of: OpenDesk) -> None:
    desk = await with_letters(desk_of)

    with pytest.raises(NotReady, match="the limit is 3, and no partition goes on"):
        await readiness.letters_check(desk.database, 3)()


async def test_letters_are_measured_by_topic_and_by_what_became_of_them(desk_of: OpenDesk) -> None:
    desk = await with_letters(desk_of)

    await readiness.measure(desk.database)
    lines = generate_latest().decode().splitlines()
    await desk.rows("UPDATE dead_letters SET resolved_at = now(), resolution = 'replayed' RETURNING 1")
    await readiness.measure(desk.database)
    after = generate_latest().decode().splitlines()

    assert 'kabinet_dead_letters_waiting{topic="x.events"} 2.0' in lines
    assert 'kabinet_dead_letters_waiting{topic="y.events"} 1.0' in lines
    assert 'kabinet_dead_letters_resolved{resolution="dropped"} 1.0' in lines
    assert 'kabinet_dead_letters_resolved{resolution="replayed"} 0.0' in lines
    [oldest] = [line for line in lines if line.startswith("kabinet_dead_letters_oldest_seconds ")]
    assert 7200 <= float(oldest.split()[1]) < 7300
    assert not any(line.startswith("kabinet_dead_letters_waiting{") for line in after)
    assert "kabinet_dead_letters_oldest_seconds 0.0" in after
    assert "canary" not in "".join(lines)


async def test_events_that_can_never_be_sent_are_told_with_the_command(desk_of: OpenDesk) -> None:
    desk = await desk_of("")
    await desk.say(("a", 1))
    await desk.rows("UPDATE outbox SET refused_at = now(), refusal = 'x' RETURNING 1")

    with pytest.raises(NotReady, match=r"1 events can never be sent .* see `outbox list`"):
        await readiness.backlog_check(desk.database)()
