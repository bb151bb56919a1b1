"""Stating every user as they are now, for a reader that starts or was restored; nothing is sent because of it."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.identity import RegisteredContacts, UserStated
from shared.database import Database
from shared.languages import as_locale
from shared.outbox import publish

BATCH_USERS = 500
_USERS = "FROM users WHERE status IN ('active', 'blocked')"


async def restate(database: Database, moved: Callable[[int, int], None] = lambda _count, _of: None) -> int:
    """How many users were stated. In batches, each in a transaction of its own, whose progress `moved` is told (users,
    of how many); safe to interrupt and to run again. Who registers meanwhile is told of by `UserRegistered`."""
    async with database.transaction() as session:
        total = await session.scalar(text(f"SELECT count(*) {_USERS}")) or 0
    last, done = UUID(int=0), 0
    while True:
        async with database.transaction() as session:
            rows = await _batch(session, last)
            for row in rows:
                contacts = RegisteredContacts(login=row.login, email=row.email, phone=row.phone)
                publish(session, UserStated(user_id=row.id, locale=as_locale(row.locale)), sealed=contacts)
        if not rows:
            return done
        last, done = rows[-1].id, done + len(rows)
        moved(len(rows), total)


async def _batch(session: AsyncSession, after: UUID) -> list[Row[tuple[UUID, str, str | None, str | None, str]]]:
    """Locked, as by everybody who says something of a user. An address that was not confirmed is not stated."""
    statement = text(
        "SELECT id, login, CASE WHEN email_confirmed_at IS NOT NULL THEN email END AS email, phone, locale"
        f" {_USERS} AND id > :after ORDER BY id LIMIT :count FOR UPDATE"
    )
    return list((await session.execute(statement, {"after": after, "count": BATCH_USERS})).all())
