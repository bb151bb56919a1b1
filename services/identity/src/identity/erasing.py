"""Erasing a user: gone here at once, elsewhere by event; the receipts of all services are kept until it is complete."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity import guessing, moving, old_credentials, rules, sessions, tokens
from identity.tables import Erasure, LegacyUser, User
from identity.wired import Wired
from shared.complaints import CannotGoOn
from shared.contracts.identity import ErasedContacts, UserErased
from shared.outbox import publish

# The reason of an act of support's may name somebody; that there was one stays.
_FORGET = (
    "DELETE FROM sessions WHERE user_id = :id",
    "DELETE FROM devices WHERE user_id = :id",
    "DELETE FROM history_entries WHERE user_id = :id",
    "UPDATE user_acts SET reason = '' WHERE user_id = :id",
    "DELETE FROM users WHERE id = :id",
)


_OPEN_AGAIN = text(
    "INSERT INTO erasures (id, user_id) VALUES (:id, :user_id) ON CONFLICT (user_id) DO UPDATE SET completed_at = NULL"
)


async def erase(session: AsyncSession, user: User, wired: Wired, *, farewell: bool = True) -> UUID:
    """The erasure's id; the login is free again. The caller holds the user's row.

    A login of the old portal's leaves its mark, so that no later import brings its credential back.
    """
    await sessions.end(session, user.id, None, "erased")
    email = user.email if farewell and user.email_confirmed_at is not None else None
    publish(session, UserErased(user_id=user.id), sealed=ErasedContacts(email=email))
    await guessing.forget(session, user.login_key, wired)
    if rules.is_account_number(user.login_key, wired.settings.account_number_digits):
        mark = text("INSERT INTO legacy_marks (number_hmac) VALUES (:mark) ON CONFLICT DO NOTHING")
        await session.execute(mark, {"mark": old_credentials.mark(wired.keys, user.login_key)})
    erasure = Erasure(id=uuid7(), user_id=user.id)
    session.add(erasure)
    await session.flush()  # what is said of the sessions' end stands in the history that goes next
    await tokens.forget(session, user.id)
    for statement in _FORGET:
        await session.execute(text(statement), {"id": user.id})
    session.expunge(user)
    return erasure.id


async def forget_old(session: AsyncSession, old: LegacyUser, wired: Wired) -> None:
    """Erase somebody of the old portal who has not come over; the caller holds the row."""
    await session.delete(old)
    await tokens.forget(session, old.id)
    await moving.close(session, old.account_number, old.hash_kind, wired)


async def say_again(session: AsyncSession, user_id: UUID) -> None:
    """Say once more that somebody was erased, for a reader that was set back; the receipts are waited for anew."""
    publish(session, UserErased(user_id=user_id), sealed=ErasedContacts())
    values = {"id": uuid7(), "user_id": user_id}
    await session.execute(text("DELETE FROM erasure_receipts WHERE user_id = :user_id"), values)
    await session.execute(_OPEN_AGAIN, values)


async def since(session: AsyncSession, moment: datetime) -> list[UUID]:
    """Who was erased from then on."""
    statement = text("SELECT user_id FROM erasures WHERE requested_at >= :moment ORDER BY requested_at")
    return list((await session.execute(statement, {"moment": moment})).scalars())


def listed_in(file: Path) -> list[UUID]:
    """Ids of users, one per line; `CannotGoOn` where a line is none, so that nobody is missed by a wrong file."""
    try:
        return [UUID(line.strip()) for line in file.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as problem:
        raise CannotGoOn(f"{file} is no list of users' ids, one per line ({type(problem).__name__}).") from None


async def take_receipt(session: AsyncSession, user_id: UUID, service: str) -> None:
    """A service has nothing of the user any more. The erasure's row is locked, so the last of several completes it."""
    locked = text("SELECT 1 FROM erasures WHERE user_id = :user_id FOR UPDATE")
    if (await session.execute(locked, {"user_id": user_id})).first() is None:
        return  # this database was set back to before the erasure
    values = {"user_id": user_id, "service": service, "all": sorted(rules.ERASED_IN)}
    receipt = text("INSERT INTO erasure_receipts (user_id, service) VALUES (:user_id, :service) ON CONFLICT DO NOTHING")
    await session.execute(receipt, values)
    complete = text(
        "UPDATE erasures SET completed_at = now() WHERE user_id = :user_id AND completed_at IS NULL AND NOT EXISTS"
        " (SELECT unnest(CAST(:all AS text[])) EXCEPT SELECT service FROM erasure_receipts WHERE user_id = :user_id)"
    )
    await session.execute(complete, values)


async def listed(session: AsyncSession, limit: int, *, only_open: bool) -> Sequence[RowMapping]:
    """Oldest first, with the services whose receipt has not come."""
    statement = text(
        "SELECT id, user_id, requested_at, completed_at, ARRAY(SELECT unnest(CAST(:all AS text[]))"
        " EXCEPT SELECT service FROM erasure_receipts AS receipt WHERE receipt.user_id = erasures.user_id"
        " ORDER BY 1) AS missing"
        " FROM erasures WHERE completed_at IS NULL OR NOT :only_open ORDER BY requested_at LIMIT :limit"
    )
    values = {"all": sorted(rules.ERASED_IN), "only_open": only_open, "limit": limit}
    return (await session.execute(statement, values)).mappings().all()
