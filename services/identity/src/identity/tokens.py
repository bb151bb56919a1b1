"""One-time tokens: links in letters and tickets of a login. Only their HMACs are stored; each is used once."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity.wired import Wired


@dataclass(frozen=True)
class Used:
    user_id: UUID
    email: str | None
    purpose: str


async def make(
    session: AsyncSession, purpose: str, user_id: UUID, minutes: int, wired: Wired, email: str | None = None
) -> tuple[str, datetime]:
    """A new token and the moment when it runs out, by the database's clock."""
    token = secrets.token_urlsafe(32)
    statement = text(
        "INSERT INTO one_time_tokens (token_hmac, purpose, user_id, email, expires_at)"
        " VALUES (:token, :purpose, :user_id, :email, now() + make_interval(mins => :minutes)) RETURNING expires_at"
    )
    values = {"token": _hmac(token, wired), "purpose": purpose, "user_id": user_id, "email": email, "minutes": minutes}
    return token, (await session.execute(statement, values)).scalar_one()


async def use(session: AsyncSession, token: str, purposes: tuple[str, ...], wired: Wired) -> Used | None:
    """Use the token, and kill its siblings of the same purpose; None where it is unknown, used or too old."""
    statement = text(
        "UPDATE one_time_tokens SET used_at = now() WHERE token_hmac = :token AND purpose = ANY(:purposes)"
        " AND used_at IS NULL AND expires_at > now() RETURNING user_id, email, purpose"
    )
    row = (await session.execute(statement, {"token": _hmac(token, wired), "purposes": list(purposes)})).first()
    if row is None:
        return None
    await kill(session, row.user_id, row.purpose)
    return Used(row.user_id, row.email, row.purpose)


async def owner(session: AsyncSession, token: str, purpose: str, wired: Wired) -> UUID | None:
    """Whose token it is, without using it."""
    statement = text(
        "SELECT user_id FROM one_time_tokens WHERE token_hmac = :token AND purpose = :purpose"
        " AND used_at IS NULL AND expires_at > now()"
    )
    found: UUID | None = await session.scalar(statement, {"token": _hmac(token, wired), "purpose": purpose})
    return found


async def kill(session: AsyncSession, user_id: UUID, *purposes: str) -> None:
    """End the user's unused tokens of these purposes (none named: all)."""
    statement = text(
        "UPDATE one_time_tokens SET used_at = now()"
        " WHERE user_id = :user_id AND used_at IS NULL AND (:every OR purpose = ANY(:purposes))"
    )
    await session.execute(statement, {"user_id": user_id, "every": not purposes, "purposes": list(purposes)})


def _hmac(token: str, wired: Wired) -> bytes:
    return wired.keys.hmac("one-time token", token[:256])
