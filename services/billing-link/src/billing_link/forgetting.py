"""Payments that can no longer confirm anything go, so that years of them slow nothing down."""

from sqlalchemy import text

from shared.database import Database, affected

PAGES = 256
"""One transaction reads so many, about twenty thousand rows: short, whatever the table has grown to."""


async def forget_payments(database: Database, retention_days: int) -> int:
    """Delete what was paid longer ago, and reversals of payments that never came; how many rows went.

    One pass over the table by its pages: an index on the day would cost every payment more than this costs once a day.
    """
    gone, first = 0, 0
    async with database.transaction() as session:
        size = text("SELECT pg_relation_size('payments') / current_setting('block_size')::int")
        pages = (await session.execute(size)).scalar_one()
    while first < pages:
        statement = text(
            f"DELETE FROM payments WHERE ctid >= '({first},0)'::tid AND ctid < '({first + PAGES},0)'::tid"
            " AND coalesce(paid_on, reversed_on) < current_date - CAST(:days AS int)"
        )
        async with database.transaction() as session:
            gone += affected(await session.execute(statement, {"days": retention_days}))
        first += PAGES
    return gone
