"""Retention: deploy/topics.yaml rules how long what is kept; a service that would break it does not run."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from deploy.embedded.topics import FILE
from shared import housekeeping, topics_watch
from shared.broker import Broker
from shared.health import NotReady
from shared.topics import Retention, Topic, Topics, Unfit, read, retention
from shared.topics_watch import TopicsWatch
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk, make_topic

OWN = Topic("a.events", "a", 12, 7)
LONG = Topic("b.events", "b", 12, 14)


@pytest.fixture
async def quiet(desk_of: OpenDesk) -> Desk:
    """A desk without a broker."""
    return await desk_of("")


def listed(**inbox_days: int) -> Topics:
    return Topics({topic.name: topic for topic in (OWN, LONG)}, inbox_days)


def test_service_keeps_what_the_file_says() -> None:
    assert retention(listed(a=15), "a", {"a.events", "b.events"}) == Retention(7, 15)


def test_service_that_hears_nothing_needs_no_line() -> None:
    assert retention(listed(), "b", set()) == Retention(14, 1)


@pytest.mark.parametrize(("days", "said"), [({"a": 14}, "not 14"), ({}, "not nothing")])
def test_inbox_shorter_than_the_longest_topic_and_a_day_is_refused(days: dict[str, int], said: str) -> None:
    with pytest.raises(Unfit) as refused:
        retention(listed(**days), "a", {"a.events", "b.events"})

    assert "set readers.a.inbox_retention_days to 15 or more" in str(refused.value)
    assert said in str(refused.value)
    assert "b.events keeps 14 days" in str(refused.value)


@pytest.mark.parametrize(("service", "reads"), [("a", {"c.events"}), ("c", set[str]())])
def test_topic_that_is_read_or_written_must_be_listed(service: str, reads: set[str]) -> None:
    with pytest.raises(Unfit, match=r"add c\.events"):
        retention(listed(a=15), service, reads)


@pytest.mark.parametrize("text", ["", "topics: 1", "topics: []", "{", "topics: [{name: a}]\nreaders: {}", "\x00"])
def test_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "topics.yaml").write_text(text)

    with pytest.raises(Unfit, match="form"):
        read(tmp_path / "topics.yaml")


@pytest.mark.parametrize("command", ["api", "worker", "serve"])
async def test_service_whose_inbox_is_too_short_does_not_run(keys: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "topics.yaml").write_text(
        FILE.read_text().replace("inbox_retention_days: 8", "inbox_retention_days: 7")
    )

    code, said = await identity(keys, tmp_path / "topics.yaml", command)

    assert (code, len(said)) == (2, 1), said
    assert said[0].startswith(f"IDENTITY_TOPICS_FILE={tmp_path}/topics.yaml: set readers.identity.inbox_retention_days")


async def test_file_that_is_not_there_is_one_line_and_exit_2(keys: Path, tmp_path: Path) -> None:
    code, said = await identity(keys, tmp_path / "nowhere.yaml", "serve")

    assert (code, len(said)) == (2, 1), said
    assert "nowhere.yaml cannot be read (No such file or directory)" in said[0]


async def identity(keys: Path, topics_file: Path, command: str) -> tuple[int | None, list[str]]:
    """Exit code and lines of `identity …`, whose database need not be there to refuse."""
    environment = {
        "PATH": os.environ["PATH"],
        "IDENTITY_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/none",
        "IDENTITY_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "IDENTITY_PUBLIC_KEYS_FILE": str(keys / "public.jwks.json"),
        "IDENTITY_PRIVATE_KEYS_FILE": str(keys / "identity.private.jwks.json"),
        "IDENTITY_TOPICS_FILE": str(topics_file),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "identity", command),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await asyncio.wait_for(process.communicate(), 30))[0].decode()
    return process.returncode, [line for line in said.splitlines() if not line.startswith("{")]


async def test_topic_that_is_otherwise_than_the_file_is_told_and_degrades(
    desk: Desk, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics_watch, "LOOK_SECONDS", 0.05)
    await make_topic(kafka, f"{desk.name}.long", retention_ms="1209600000", cleanup_policy="compact")
    asked = [
        Topic(f"{desk.name}.long", "x", 12, 7),
        Topic(desk.topic, "x", desk.partitions, 7),  # the broker's own default is a week
        Topic(f"{desk.name}.missing", "x", 12, 7),
    ]
    stop = asyncio.Event()
    watch = TopicsWatch(Broker(kafka), asked, stop)

    with capture_logs() as said:
        watching = asyncio.create_task(watch.run())
        await eventually(lambda: _degraded(watch))
        first = watch.differences
        await eventually(lambda: _looked_again(watch, first))
        stop.set()
        await watching

    name = f"{desk.name}.long"
    told = [
        f"{desk.name}.missing is not there",
        f"{name} has 4 partitions, not 12",
        f"{name} is kept 14 days, not 7 days",
        f"{name} has cleanup.policy compact, not delete",
    ]
    assert watch.differences == told
    assert [entry["what"] for entry in said if entry["event"] == "topic_differs"] == told, "each is said once"


async def test_topics_as_in_the_file_are_in_order(kafka: str) -> None:
    listed = list(read(FILE).topics.values())

    assert await topics_watch.differences(Broker(kafka), listed) == []


async def test_broker_that_is_away_is_asked_again_and_degrades_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics_watch, "RETRY_SECONDS", 0.01)
    asked: list[str] = []

    async def away(servers: str, _topics: Sequence[Topic]) -> list[str]:
        asked.append(servers)
        raise KafkaConnectionError

    async def twice() -> bool:
        return len(asked) >= 2

    monkeypatch.setattr(topics_watch, "differences", away)
    stop = asyncio.Event()
    watch = TopicsWatch(Broker("127.0.0.1:1"), [OWN], stop)
    watching = asyncio.create_task(watch.run())

    await eventually(twice)
    await watch.check()

    stop.set()
    await asyncio.wait_for(watching, 5)


async def _degraded(watch: TopicsWatch) -> bool:
    try:
        await watch.check()
    except NotReady:
        return True
    return False


async def _looked_again(watch: TopicsWatch, before: list[str]) -> bool:
    return watch.differences is not before


FILLED: dict[str, tuple[str, str]] = {
    "outbox": (
        "sent_at",
        "(event_id, topic, key, headers, value, sent_at) SELECT gen_random_uuid(), 't', 'k', '{}', ''",
    ),
    "inbox": ("received_at", "(event_id, received_at) SELECT gen_random_uuid()"),
    "dead_letters": (
        "resolved_at",
        "(id, topic, partition, position, key, type, event_id, headers, cause, resolution, resolved_at)"
        " SELECT gen_random_uuid(), 't', 0, n, 'k', 'x', gen_random_uuid(), '[]', 'c', 'dropped'",
    ),
    "idempotent_answers": (
        "answered_at",
        "(scope, body, status, headers, answer, answered_at) SELECT int8send(n), '', 200, '{}', ''",
    ),
    "ended_sessions": ("until", "(session_id, until) SELECT gen_random_uuid()"),
}


@pytest.mark.parametrize("table", FILLED)
async def test_purging_reads_no_whole_table_and_takes_the_oldest(
    quiet: Desk, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH_ROWS", 100)
    age, columns = FILLED[table]
    connection = await quiet.database.connect()
    await connection.execute(
        f"INSERT INTO {table} {columns}, now() - make_interval(secs => n) FROM generate_series(1, 20000) AS n"
    )
    await connection.execute(f"VACUUM ANALYZE {table}")
    condition = f"{age} < now() - interval '1000 seconds'"
    plan = await connection.fetch(f"EXPLAIN {housekeeping.purging(table, condition, age)}")

    gone = await housekeeping.purge(quiet.database, table, condition, age)

    oldest = await connection.fetchval(f"SELECT extract(epoch FROM now() - min({age})) FROM {table}")
    await connection.close()
    assert "Seq Scan" not in str(plan)
    assert "Tid Scan" in str(plan)
    assert gone == 100
    assert 19_900 <= oldest < 19_990


async def test_row_that_is_to_be_sent_again_meanwhile_is_not_purged(quiet: Desk) -> None:
    await quiet.say(("a", 1))
    await quiet.rows("UPDATE outbox SET sent_at = now() - interval '8 days' RETURNING 1")
    resending = await quiet.database.connect()
    transaction = resending.transaction()
    await transaction.start()
    await resending.execute("UPDATE outbox SET sent_at = NULL")
    purging = asyncio.create_task(
        housekeeping.purge(quiet.database, "outbox", "sent_at < now() - interval '7 days'", "sent_at")
    )
    await eventually(lambda: _waits_for_a_lock(quiet))

    await transaction.commit()

    await resending.close()
    assert await purging == 0
    assert await quiet.unsent() == 1


async def _waits_for_a_lock(desk: Desk) -> Any:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return await desk.value(waiting)


async def test_letters_that_wait_are_never_purged(quiet: Desk) -> None:
    await quiet.rows(
        "INSERT INTO dead_letters (id, topic, partition, position, key, type, event_id, headers, cause, parked_at,"
        " resolved_at) SELECT gen_random_uuid(), 't', 0, n, 'k', 'x', gen_random_uuid(), '[]', 'c',"
        " now() - interval '1 year', CASE n WHEN 1 THEN now() - interval '9 days' WHEN 2 THEN now() END"
        " FROM generate_series(1, 3) AS n RETURNING 1"
    )
    stop = asyncio.Event()
    tidying = asyncio.create_task(housekeeping.run(quiet.database, Retention(7, 8), {}, stop))

    async def tidy() -> bool:
        return await quiet.rows("SELECT position FROM dead_letters ORDER BY position") == [(2,), (3,)]

    await eventually(tidy)
    stop.set()
    await asyncio.wait_for(tidying, 5)
