"""Housekeeping: rows that have served their time go in batches, so that no table grows for ever."""

import asyncio
from collections.abc import Mapping

import asyncpg
from sqlalchemy import exc, text

from shared import idempotency
from shared.database import Database, affected
from shared.failpoints import point
from shared.logging import logger
from shared.stopping import any_of
from shared.topics import Retention

PERIOD_SECONDS = 300.0
BATCH_ROWS = 5000
_log = logger(__name__)


async def run(
    database: Database,
    retention: Retention,
    expired: Mapping[str, str],
    stop: asyncio.Event,
) -> None:
    """The kernel's tables and the service's own, every five minutes."""
    sent, remembered = retention.outbox_retention_days, retention.inbox_retention_days
    aged = {
        "outbox": ("sent_at", f"{sent} days"),
        "dropped_events": ("dropped_at", f"{sent} days"),
        "inbox": ("received_at", f"{remembered} days"),
        "dead_letters": ("resolved_at", f"{remembered} days"),
        # Whoever reads a batch takes its marker away; one that stays belongs to a Kafka that lost its data.
        "deliveries": ("counted_at", "1 day"),
        "idempotent_answers": ("answered_at", f"{idempotency.HOURS} hours"),
        "ended_sessions": ("until", "0 days"),
    }
    conditions = [(table, f"{age} < now() - interval '{kept}'", age) for table, (age, kept) in aged.items()]
    conditions += [(table, condition, "") for table, condition in expired.items()]
    while not stop.is_set():
        try:
            for table, condition, oldest in conditions:
                while await purge(database, table, condition, oldest) == BATCH_ROWS and not stop.is_set():
                    pass
        except (
            OSError,
            TimeoutError,
            exc.SQLAlchemyError,
            asyncpg.PostgresError,
        ) as problem:
            _log.warning("housekeeping_failed", cause=type(problem).__name__)
        await any_of(PERIOD_SECONDS, stop)


async def purge(database: Database, table: str, condition: str, oldest: str = "") -> int:
    """Delete one batch, in a transaction of its own, by the indexed column `oldest` if there is one; how many went."""
    async with database.transaction() as session:
        gone = affected(await session.execute(text(purging(table, condition, oldest))))
        await point("housekeeping.purged")
    return gone


def purging(table: str, condition: str, oldest: str = "") -> str:
    """The statement. An array of row addresses is fetched row by row, where a join may read the whole table.

    The condition stands twice: a row that was changed meanwhile, as by `outbox resend`, must still meet it.
    """
    order = f" ORDER BY {oldest}" if oldest else ""
    batch = f"SELECT ctid FROM {table} WHERE {condition}{order} LIMIT {BATCH_ROWS}"
    return f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({batch})) AND ({condition})"
