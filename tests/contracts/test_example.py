"""docs/examples/consumer.py as a process on the real broker: what a service said, once, in order, also when killed."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from billing_link.main import service
from shared.broker import Broker
from shared.contracts.billing_link import AccountLinked, AccountUnlinked, LinkRefused
from shared.events import Event
from shared.outbox import publish
from shared.relay import Relay
from tests.kit import Running, eventually
from tests.shared.desk import producing, record

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
EXAMPLE = Path(__file__).resolve().parents[2] / "docs/examples/consumer.py"
RUN = f"""
import functools, os, runpy, signal, sqlite3, sys
import aiokafka

Consumer = aiokafka.AIOKafkaConsumer
aiokafka.AIOKafkaConsumer = functools.partial(Consumer, session_timeout_ms=1500, heartbeat_interval_ms=500)
commit = Consumer.commit

async def die(consumer):
    count = "SELECT count(*) FROM holders WHERE account_number = ?"
    if sqlite3.connect(os.environ["DATABASE"]).execute(count, sys.argv[1:]).fetchone() == (2,):
        os.kill(os.getpid(), signal.SIGKILL)
    await commit(consumer)

if sys.argv[1:]:
    Consumer.commit = die
runpy.run_path({str(EXAMPLE)!r}, run_name="__main__")
"""
"""The example, with a group that notices deaths sooner than the usual 10 s.

With an account's number it dies when that has its second holder, and the offset does not tell yet.
"""


class OtherTeam:
    """Its database and its group."""

    def __init__(self, kafka: str, folder: Path) -> None:
        self.file = folder / "team.sqlite3"
        self.group = f"team-{uuid7().hex}"
        self.kafka = kafka

    @asynccontextmanager
    async def running(self, *deadly: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The example as a process, killed at the end as a power cut would."""
        settings = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka, "DATABASE": str(self.file), "GROUP": self.group}
        environment = {"PATH": os.environ["PATH"], **settings}
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN, *deadly, env=environment)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        with sqlite3.connect(self.file, timeout=10) as db:
            try:
                return db.execute(sql).fetchall()
            except sqlite3.OperationalError:  # it has not begun
                return []

    def holders(self, account: str) -> list[UUID]:
        """In the order in which they were linked."""
        found = self.rows(f"SELECT user_id FROM holders WHERE account_number = '{account}' ORDER BY rowid")
        return [UUID(user_id) for (user_id,) in found]

    def seen(self) -> set[UUID]:
        return {UUID(event_id) for (event_id,) in self.rows("SELECT event_id FROM seen")}


@pytest.fixture
async def billing_link(open_service: Callable[..., Awaitable[Running]], kafka: str) -> AsyncIterator[Running]:
    """The service with its relay, so that what it says reaches the broker."""
    running = await open_service(service)
    stop = asyncio.Event()
    relay = asyncio.create_task(Relay(running.kernel.database, Broker(kafka), stop).run())
    yield running
    stop.set()
    await asyncio.wait_for(relay, 10)


@pytest.fixture
def team(kafka: str, tmp_path: Path) -> OtherTeam:
    return OtherTeam(kafka, tmp_path)


async def say(running: Running, *events: Event) -> None:
    async with running.kernel.database.transaction() as session:
        for event in events:
            publish(session, event)


def linked(account: str, link_id: UUID | None = None) -> AccountLinked:
    return AccountLinked(
        user_id=uuid7(),
        account_number=account,
        link_id=link_id or uuid7(),
        origin="support",
        linked_at=NOON,
        other_holders=[],
    )


def new_accounts(count: int) -> list[str]:
    """Numbers that no other test has said anything about."""
    begin = uuid7().int % 10**12
    return [f"{begin + number:014d}" for number in range(count)]


async def test_reader_gets_what_was_said_once_and_in_order_also_when_killed(
    billing_link: Running, team: OtherTeam, kafka: str
) -> None:
    accounts = new_accounts(5)
    said = [linked(account) for _ in range(20) for account in accounts]
    gone = said[7]
    refused = LinkRefused(
        user_id=uuid7(),
        account_number=accounts[0],
        request_id=uuid7(),
        refusal="not-confirmed",
        requested_at=NOON,
    )
    unlinked = AccountUnlinked(
        user_id=gone.user_id, account_number=gone.account_number, link_id=gone.link_id, reason="user"
    )

    async def handled(count: int) -> bool:
        return len(team.seen() & {event.id for event in (*said, unlinked)}) >= count

    await say(billing_link, *said[:50], refused)
    async with team.running():
        await eventually(lambda: handled(10), 30)
    async with producing(kafka) as producer:
        for key, value, headers in (record(said[0]), record(said[1])):  # repeats that come late
            await producer.send_and_wait("billing-link.events", value, key=key.encode(), headers=headers)
    await say(billing_link, *said[50:], unlinked)
    async with team.running():
        await eventually(lambda: handled(len(said) + 1), 30)

    for account in accounts:
        assert team.holders(account) == [
            one.user_id for one in said if one.account_number == account and one.id != gone.id
        ]
    assert refused.id not in team.seen()


async def test_reader_that_dies_between_effect_and_offset_has_no_second_effect(
    billing_link: Running, team: OtherTeam
) -> None:
    (account,) = new_accounts(1)
    await say(billing_link, *(said := [linked(account) for _ in range(3)]))

    async with team.running(account) as process:
        assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    assert team.holders(account) == [one.user_id for one in said[:2]]

    async def all_seen() -> bool:
        return team.seen() >= {event.id for event in said}

    async with team.running():
        await eventually(all_seen, 30)

    assert team.holders(account) == [one.user_id for one in said]
