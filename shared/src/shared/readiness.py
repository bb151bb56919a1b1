"""Readiness of a service: its database and schema, its outbox, its dead letters, the broker."""

import asyncio

from sqlalchemy import text

from shared import metrics
from shared.database import Database, Schema
from shared.dead_letters import count_waiting
from shared.health import Check, NotReady
from shared.logging import logger
from shared.outbox import backlog
from shared.stopping import any_of

LAG_SECONDS = 60
LOOK_SECONDS = 5.0
_log = logger(__name__)


async def measure(database: Database) -> None:
    """Bring the gauges of rows up to date; while the database is away they say so by NaN."""
    try:
        async with asyncio.timeout(2), database.transaction() as session:
            waiting, refused = await backlog(session)
            metrics.outbox_waiting.set(waiting)
            metrics.outbox_refused.set(refused)
            metrics.dead_letters.set(await count_waiting(session))
    except Exception:  # the process's own figures are told also then
        for gauge in (metrics.outbox_waiting, metrics.outbox_refused, metrics.dead_letters):
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
            oldest = (
                "SELECT extract(epoch FROM now() - created_at) FROM outbox WHERE sent_at IS NULL AND refused_at IS NULL"
            )
            age = (await session.execute(text(f"{oldest} ORDER BY id LIMIT 1"))).scalar()
            if age is not None and age > LAG_SECONDS:
                raise NotReady(f"the oldest unsent event is {int(age)} seconds old")
            if (refused := (await backlog(session))[1]) > 0:
                raise NotReady(f"{refused} events can never be sent and hold their keys")
            if letters := await count_waiting(session):
                raise NotReady(f"{letters} dead letters wait for a decision")

    return check


def broker_check(bootstrap_servers: str) -> Check:
    async def check() -> None:
        for server in bootstrap_servers.split(","):
            host, _, port = server.strip().rpartition(":")
            try:
                _reader, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 1)
            except (OSError, TimeoutError):
                continue
            writer.close()
            return
        raise NotReady("no broker answers")

    return check


async def tell_of_broker(bootstrap_servers: str, stop: asyncio.Event) -> None:
    """One line when the broker is lost and one when it is back; its client says nothing of use in between."""
    check, away = broker_check(bootstrap_servers), False
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
