"""Readiness of a service: its database and schema, its outbox, its dead letters, the broker."""

import asyncio
import ssl
import struct
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import metrics
from shared.broker import Broker
from shared.database import Database, Schema
from shared.health import Check, NotReady
from shared.letters import WaitingTopic, resolved_counts, waiting_by_topic
from shared.logging import logger
from shared.outbox import backlog
from shared.stopping import any_of

LAG_SECONDS = 60
LOOK_SECONDS = 5.0
_log = logger(__name__)


async def measure(database: Database) -> None:
    """Bring the gauges of pools and rows up to date; while the database is away those of rows say so by NaN."""
    await database.measure()
    try:
        async with asyncio.timeout(2), database.transaction() as session:
            metrics.outbox_oldest.set(await _oldest_unsent(session))
            waiting, refused = await backlog(session)
            metrics.outbox_waiting.set(waiting)
            metrics.outbox_refused.set(refused)
            letters = await waiting_by_topic(session)
            metrics.dead_letters.clear()  # a topic whose letters are gone
            for topic in letters:
                metrics.dead_letters.labels(topic.name).set(topic.letters)
            metrics.dead_letters_oldest.set(max((topic.oldest_seconds for topic in letters), default=0))
            for resolution, count in (await resolved_counts(session)).items():
                metrics.dead_letters_resolved.labels(resolution).set(count)
    except Exception:  # the process's own figures are told also then
        metrics.dead_letters.clear()
        for gauge in (
            metrics.outbox_waiting,
            metrics.outbox_oldest,
            metrics.outbox_refused,
            metrics.dead_letters_oldest,
        ):
            gauge.set(float("nan"))


def database_check(database: Database, schema: Schema) -> Check:
    async def check() -> None:
        async with database.transaction() as session:
            if not await schema.suits(session):
                raise NotReady("the schema is older than this release needs: run `migrate`")

    return check


def backlog_check(database: Database) -> Check:
    async def check() -> None:
        async with database.transaction() as session:
            if (age := await _oldest_unsent(session)) > LAG_SECONDS:
                raise NotReady(f"the oldest unsent event is {int(age)} seconds old")
            if (refused := (await backlog(session))[1]) > 0:
                raise NotReady(f"{refused} events can never be sent and hold their keys: see `outbox list`")

    return check


async def _oldest_unsent(session: AsyncSession) -> float:
    """The age in seconds of the row that was written first of those that wait; 0: none does."""
    waiting = text(
        "SELECT extract(epoch FROM now() - created_at) FROM outbox WHERE sent_at IS NULL AND refused_at IS NULL"
        " ORDER BY id LIMIT 1"
    )
    return float((await session.execute(waiting)).scalar() or 0)


def letters_check(database: Database, limit: int) -> Check:
    async def check() -> None:
        async with database.transaction() as session:
            if letters := await waiting_by_topic(session):
                raise NotReady(_told(letters, limit))

    return check


def _told(letters: Sequence[WaitingTopic], limit: int) -> str:
    count = sum(topic.letters for topic in letters)
    where = ", ".join(f"{topic.letters} of {topic.name}" for topic in letters)
    oldest = int(max(topic.oldest_seconds for topic in letters))
    full = f"; the limit is {limit}, and no partition goes on past what would be another letter" * (count >= limit)
    return f"{where} wait for a decision, the oldest for {oldest} seconds{full}: see `dead-letters list`"


def broker_check(broker: Broker) -> Check:
    async def check() -> None:
        for server in broker.servers.split(","):
            host, _, port = server.strip().rpartition(":")
            with suppress(OSError, TimeoutError, EOFError):
                async with asyncio.timeout(1):
                    await _ask_for_versions(host, int(port), broker.tls())
                return
        raise NotReady("no broker answers")

    return check


async def _ask_for_versions(host: str, port: int, tls: ssl.SSLContext | None) -> None:
    """Kafka's first question (ApiVersions, version 0). A broker that hangs still lets itself be connected to."""
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(struct.pack(">ihhih", 10, 18, 0, 1, -1))  # length, api key, version, correlation, no client id
        await reader.readexactly(4)
    finally:
        writer.close()


async def tell_of_broker(broker: Broker, stop: asyncio.Event) -> None:
    """One line when the broker is lost and one when it is back; its client says nothing of use in between."""
    check, away = broker_check(broker), False
    while not await any_of(LOOK_SECONDS, stop):
        try:
            await check()
        except (NotReady, TimeoutError):
            if not away:
                _log.warning("broker_lost")
            away = True
        else:
            if away:
                _log.info("broker_back")
            away = False
