"""Devices on which a user has signed in before."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity import session_tokens
from identity.wired import Wired


async def known(user_id: UUID, token: str | None, wired: Wired) -> UUID | None:
    """The device of the token, if the user has signed in on it before and it is not forgotten."""
    device_id = session_tokens.read_device(token, user_id, wired)
    if device_id is None:
        return None
    statement = "SELECT FROM devices WHERE id = $1 AND user_id = $2"
    return None if await wired.database.fetchrow(statement, device_id, user_id) is None else device_id


async def seen(session: AsyncSession, user_id: UUID, token: str | None, wired: Wired) -> tuple[UUID, bool]:
    """The device of this sign-in, and whether it was known; the very first sign-in of a user surprises nobody."""
    device_id = session_tokens.read_device(token, user_id, wired)
    statement = text("UPDATE devices SET seen_at = now() WHERE id = :id AND user_id = :user_id RETURNING 1")
    if device_id is not None and (await session.execute(statement, {"id": device_id, "user_id": user_id})).first():
        return device_id, True
    # What it returns is of before it.
    new = text(
        "INSERT INTO devices (id, user_id) VALUES (:id, :user_id)"
        " RETURNING NOT EXISTS (SELECT FROM devices WHERE user_id = :user_id)"
    )
    device_id = uuid7()
    first: bool = (await session.execute(new, {"id": device_id, "user_id": user_id})).scalar_one()
    return device_id, first


async def forget(session: AsyncSession, user_id: UUID) -> None:
    """No device of the user is known any more."""
    await session.execute(text("DELETE FROM devices WHERE user_id = :user_id"), {"user_id": user_id})
