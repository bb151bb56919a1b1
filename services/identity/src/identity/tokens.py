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
    """Use the token, and kill its siblings of the same purpose; None where it is unknown, used or too old.

    Its user's row is locked first, as by everybody who changes a user or says something of one.
    """
    values = {"token": _hmac(token, wired), "purposes": list(purposes)}
    lock = text(
        "SELECT FROM users WHERE id = (SELECT user_id FROM one_time_tokens WHERE token_hmac = :token"
        " AND purpose = ANY(:purposes)) FOR UPDATE"
    )
    await session.execute(lock, values)
    statement = text(
        "UPDATE one_time_tokens SET used_at = now() WHERE token_hmac = :token AND purpose = ANY(:purposes)"
        " AND used_at IS NULL AND expires_at > now() RETURNING user_id, email, purpose, created_at"
    )
    row = (await session.execute(statement, values)).first()
    if row is None:
        return None
    siblings = text(
        "UPDATE one_time_tokens SET used_at = now() WHERE user_id = :user_id AND purpose = :purpose"
        " AND used_at IS NULL AND (:purpose <> 'reversal' OR created_at > :created_at)"
    )
    await session.execute(siblings, {"user_id": row.user_id, "purpose": row.purpose, "created_at": row.created_at})
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
    """End the user's unused tokens of these purposes (none named: all but reversals).

    A reversal outlives changes of the password and the address, and the use of a later one: who took an account over
    would else only have to change it once more, and its owner could not come back.
    """
    statement = text(
        "UPDATE one_time_tokens SET used_at = now()"
        " WHERE user_id = :user_id AND used_at IS NULL"
        " AND CASE WHEN :every THEN purpose <> 'reversal' ELSE purpose = ANY(:purposes) END"
    )
    await session.execute(statement, {"user_id": user_id, "every": not purposes, "purposes": list(purposes)})


async def forget(session: AsyncSession, user_id: UUID) -> None:
    """Delete the tokens of somebody who is gone, with the addresses that stand beside them."""
    await session.execute(text("DELETE FROM one_time_tokens WHERE user_id = :user_id"), {"user_id": user_id})


def _hmac(token: str, wired: Wired) -> bytes:
    return wired.keys.hmac("one-time token", token[:256])
