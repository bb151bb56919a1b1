"""The whole journey over the whole set, and what it must not leave behind."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.embedded import sample, topics
from deploy.embedded.journey import NEW_PASSWORD, PASSWORD, STEPS, Journey
from deploy.embedded.launcher import EmbeddedSet

# What the people of the journey typed: as text, and as it would stand inside JSON.
CANARIES = (
    "petrova",
    "semenov@",
    "9123456789",
    "912 345-67-89",
    PASSWORD,
    NEW_PASSWORD,
    "Анна Петрова",
    "Не приходит",
    "Дача",
)


@pytest.fixture(scope="module")
async def journey(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Journey]:
    """Somebody who has walked the whole way."""
    folder: Path = tmp_path_factory.mktemp("journey")
    made = sample.make(folder / "sample", datetime.now(ZoneInfo("Europe/Moscow")).date())
    async with EmbeddedSet(folder / "set", free_ports=True) as kabinet, httpx2.AsyncClient(timeout=30) as http:
        await kabinet.run("billing-link", "import", "--accounts", made.accounts, "--payments", made.payments)
        await kabinet.run("identity", "import-legacy", made.legacy_users)
        person = Journey(kabinet=kabinet, sample=made, http=http)
        for _title, step in STEPS:
            await step(person)
        yield person


async def test_whoever_came_last_is_signed_in(journey: Journey) -> None:
    me = await journey.call("GET", "identity", "/v1/me", 200, token=journey.tokens["access_token"])

    assert (me.json()["email"], me.json()["email_confirmed"]) == ("semenov@example.org", False)


async def test_logs_hold_nothing_that_people_typed(journey: Journey) -> None:
    logs = sorted((journey.kabinet.folder / "logs").glob("*.log"))
    assert {"identity", "verification", "billing-link", "notifier"} <= {log.stem for log in logs}

    for log in logs:
        text = log.read_text(errors="replace")
        assert [canary for canary in CANARIES if canary in text] == [], log.name


async def test_topics_hold_ids_and_sealed_parts_only(journey: Journey) -> None:
    records = await read_everything(journey.kabinet.env["KAFKA_BOOTSTRAP_SERVERS"])

    assert len(records) > 20
    for record in records:
        text = record.decode("utf-8", "replace")
        assert [canary for canary in CANARIES if canary in text] == []


async def test_nothing_was_parked(journey: Journey) -> None:
    for service in ("identity", "verification", "billing-link", "notifier"):
        ready = await journey.http.get(f"{journey.kabinet.urls[service]}/readyz")
        assert ready.json() == {"status": "ready"}, service


async def read_everything(bootstrap: str) -> list[bytes]:
    """Headers, keys and values of every record of every topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, n) for topic in topics.read() for n in range(topic.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning()
        found: list[bytes] = []
        while any([await consumer.position(at) < ends[at] for at in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    headers = b" ".join(name.encode() + b"=" + value for name, value in record.headers)
                    found.append(b" ".join((record.key or b"", headers, record.value or b"")))
        return found
    finally:
        await consumer.stop()
