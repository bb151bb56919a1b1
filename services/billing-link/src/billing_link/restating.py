"""Stating every link as it is now, for a reader that starts or was restored; nothing is sent because of it."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import locks
from shared.contracts.billing_link import LinkStated
from shared.database import Database
from shared.outbox import publish

BATCH_LINKS = 500
_BATCH = text("""
    SELECT id, account_number FROM links WHERE ended_at IS NULL AND id > :after ORDER BY id LIMIT :count
""")
_STILL = text("""
    SELECT id, user_id, account_number, origin, linked_at FROM links
    WHERE id = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL ORDER BY id
""")


async def restate(database: Database, moved: Callable[[int, int], None] = lambda _count, _of: None) -> int:
    """How many links were stated. In batches, each in a transaction of its own, whose progress `moved` is told (links,
    of how many); safe to interrupt and to run again. What is linked meanwhile is told of by `AccountLinked`."""
    async with database.transaction() as session:
        total = await session.scalar(text("SELECT count(*) FROM links WHERE ended_at IS NULL")) or 0
    after, done = UUID(int=0), 0
    while True:
        async with database.transaction() as session:
            await locks.take_time(session)
            found = (await session.execute(_BATCH, {"after": after, "count": BATCH_LINKS})).all()
            stated = await _state(session, found)
        if not found:
            return done
        after, done = found[-1].id, done + stated
        moved(len(found), total)


async def _state(session: AsyncSession, found: Sequence[Row[Any]]) -> int:
    """Those that have not ended by the time that their accounts' turns are held: no end may be followed by its link."""
    await locks.hold_accounts(session, (row.account_number for row in found))
    rows = (await session.execute(_STILL, {"ids": [row.id for row in found]})).all()
    for row in rows:
        publish(
            session,
            LinkStated(
                link_id=row.id,
                user_id=row.user_id,
                account_number=row.account_number,
                origin=row.origin,
                linked_at=row.linked_at,
            ),
        )
    return len(rows)
