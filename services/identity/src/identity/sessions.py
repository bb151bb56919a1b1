"""Sessions: access and refresh tokens. A refresh token is derived from the session's id and counter; none is stored."""

import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from joserfc import jwt
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity.rules import SessionEnded
from identity.tables import Device, Session
from identity.wired import Wired
from shared.bearer import ACCESS_SECONDS, end_sessions
from shared.contracts.identity import SessionOrigin, SessionsEnded, SessionStarted
from shared.outbox import publish


@dataclass(frozen=True)
class Tokens:
    """What a caller holds of a session; times in seconds."""

    access_token: str
    refresh_token: str
    refresh_expires_in: int
    session_id: UUID
    user_id: UUID
    device: str | None = None


@dataclass(frozen=True)
class Caller:
    """Where a sign-in comes from."""

    address: str
    user_agent: str | None
    device: str | None


async def start(session: AsyncSession, user_id: UUID, caller: Caller, wired: Wired) -> Tokens:
    """A new session of somebody whose right to it was shown."""
    device_id, known = await _device(session, user_id, caller.device, wired)
    row = Session(
        id=uuid7(), user_id=user_id, user_agent=(caller.user_agent or "")[:300] or None, address=caller.address
    )
    session.add(row)
    origin = SessionOrigin(address=row.address, user_agent=row.user_agent)
    publish(session, SessionStarted(user_id=user_id, session_id=row.id, known_device=known), sealed=origin)
    return _tokens(row.id, user_id, 0, wired, device=_device_token(device_id, user_id, wired))


async def refresh(session: AsyncSession, refresh_token: str, wired: Wired) -> Tokens | SessionEnded:
    """The successor of the token; for the previous one, within 30 s and before its successor was used, the same one.

    Any other reuse ends the session. A refusal is returned, not raised, so that the ending is committed.
    """
    found = _read_refresh_token(refresh_token, wired)
    if found is None:
        return SessionEnded()
    session_id, counter = found
    statement = text(
        "SELECT user_id, counter, extract(epoch FROM clock_timestamp() - rotated_at)::float AS age,"
        " last_seen_at > now() - make_interval(days => :idle) AND created_at > now() - make_interval(days => :absolute)"
        " AS alive FROM sessions WHERE id = :id AND ended_at IS NULL FOR UPDATE"
    )
    days = {"idle": wired.settings.session_idle_days, "absolute": wired.settings.session_absolute_days}
    row = (await session.execute(statement, {"id": session_id, **days})).first()
    if row is None or not row.alive:
        return SessionEnded()
    if counter == row.counter - 1 and row.age < wired.settings.refresh_again_seconds:
        return _tokens(session_id, row.user_id, row.counter, wired)
    if counter != row.counter:
        await end(session, row.user_id, [session_id], "refresh_reused")
        return SessionEnded()
    rotated = text("UPDATE sessions SET counter = counter + 1, rotated_at = now(), last_seen_at = now() WHERE id = :id")
    await session.execute(rotated, {"id": session_id})
    return _tokens(session_id, row.user_id, counter + 1, wired)


async def end(session: AsyncSession, user_id: UUID, session_ids: Sequence[UUID] | None, reason: str) -> None:
    """End the user's sessions (None: all), here at once and in the other services by event."""
    # The user's row is locked first, so that what is said of one user is said in the order of commits.
    await session.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": user_id})
    statement = text(
        "UPDATE sessions SET ended_at = now() WHERE user_id = :user_id AND ended_at IS NULL"
        " AND (:every OR id = ANY(CAST(:ids AS uuid[]))) RETURNING id"
    )
    values = {"user_id": user_id, "every": session_ids is None, "ids": list(session_ids or ())}
    ended = list((await session.execute(statement, values)).scalars())
    if ended:
        await end_sessions(session, ended)
        publish(session, SessionsEnded(user_id=user_id, session_ids=ended, reason=reason))


async def _device(session: AsyncSession, user_id: UUID, token: str | None, wired: Wired) -> tuple[UUID, bool]:
    """The device's id, and whether it is known; the very first sign-in of a user surprises nobody."""
    device_id = _read_device_token(token, user_id, wired)
    seen = text("UPDATE devices SET seen_at = now() WHERE id = :id AND user_id = :user_id RETURNING 1")
    if device_id is not None and (await session.execute(seen, {"id": device_id, "user_id": user_id})).first():
        return device_id, True
    any_before = text("SELECT EXISTS (SELECT FROM devices WHERE user_id = :user_id)")
    first = not await session.scalar(any_before, {"user_id": user_id})
    device = Device(id=uuid7(), user_id=user_id)
    session.add(device)
    return device.id, first


def _tokens(session_id: UUID, user_id: UUID, counter: int, wired: Wired, device: str | None = None) -> Tokens:
    return Tokens(
        access_token=_access_token(user_id, session_id, wired),
        refresh_token=f"{session_id}.{counter}.{_refresh_mac(session_id, counter, wired)}",
        refresh_expires_in=wired.settings.session_idle_days * 86_400,
        session_id=session_id,
        user_id=user_id,
        device=device,
    )


def _access_token(user_id: UUID, session_id: UUID, wired: Wired) -> str:
    key, now = wired.keys.signing(), int(time.time())
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.kid}
    claims = {
        "iss": "kabinet-identity",
        "aud": "kabinet",
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": str(uuid7()),
        "iat": now,
        "exp": now + ACCESS_SECONDS,
    }
    return jwt.encode(header, claims, key, algorithms=["EdDSA"])


def _refresh_mac(session_id: UUID, counter: int, wired: Wired) -> str:
    return wired.keys.hmac("refresh token", str(session_id), str(counter)).hex()


def _read_refresh_token(token: str, wired: Wired) -> tuple[UUID, int] | None:
    session_id, _, rest = token[:256].partition(".")
    counter, _, mac = rest.partition(".")
    if not (counter.isascii() and counter.isdecimal() and len(counter) < 10):
        return None
    try:
        found = UUID(session_id), int(counter)
    except ValueError:
        return None
    return found if hmac.compare_digest(mac.encode(), _refresh_mac(*found, wired).encode()) else None


def _device_token(device_id: UUID, user_id: UUID, wired: Wired) -> str:
    return f"{device_id}.{wired.keys.hmac('device', str(device_id), str(user_id)).hex()}"


def _read_device_token(token: str | None, user_id: UUID, wired: Wired) -> UUID | None:
    try:
        device_id = UUID((token or "")[:256].partition(".")[0])
    except ValueError:
        return None
    genuine = _device_token(device_id, user_id, wired)
    return device_id if hmac.compare_digest((token or "").encode(), genuine.encode()) else None
