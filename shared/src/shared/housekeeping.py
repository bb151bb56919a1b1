"""Housekeeping: rows that have served their time go in batches, so that no table grows for ever."""

import asyncio
from collections.abc import Mapping

import asyncpg
from sqlalchemy import exc, text

from shared import idempotency
from shared.database import Database, affected
from shared.failpoints import point
from shared.logging import logger
from shared.settings import ServiceSettings
from shared.stopping import any_of

PERIOD_SECONDS = 300.0
BATCH_ROWS = 5000
_log = logger(__name__)


async def run(
    database: Database,
    settings: ServiceSettings,
    expired: Mapping[str, str],
    stop: asyncio.Event,
) -> None:
    """The kernel's tables and the service's own, every five minutes."""
    conditions = {
        "outbox": f"sent_at < now() - interval '{settings.outbox_retention_days} days'",
        "inbox": f"received_at < now() - interval '{settings.inbox_retention_days} days'",
        "dead_letters": f"resolved_at < now() - interval '{settings.inbox_retention_days} days'",
        "idempotent_answers": f"answered_at < now() - interval '{idempotency.HOURS} hours'",
        "ended_sessions": "until < now()",
        **expired,
    }
    while not stop.is_set():
        try:
            for table, condition in conditions.items():
                while await purge(database, table, condition) == BATCH_ROWS and not stop.is_set():
                    pass
        except (
            OSError,
            TimeoutError,
            exc.SQLAlchemyError,
            asyncpg.PostgresError,
        ) as problem:
            _log.warning("housekeeping_failed", cause=type(problem).__name__)
        await any_of(PERIOD_SECONDS, stop)


async def purge(database: Database, table: str, condition: str) -> int:
    """Delete one batch in a transaction of its own; how many rows went."""
    statement = text(
        f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} WHERE {condition} LIMIT {BATCH_ROWS})"
    )
    async with database.transaction() as session:
        gone = affected(await session.execute(statement))
        await point("housekeeping.purged")
    return gone
