"""Sessions: who may have one, how it goes on by refresh tokens, and its end, here at once and elsewhere by event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity import devices, history, rules, session_tokens
from identity.rules import SessionEnded
from identity.session_tokens import Tokens
from identity.tables import Session, User
from identity.wired import Wired
from shared.bearer import end_sessions
from shared.contracts.identity import SessionOrigin, SessionsEnded, SessionStarted
from shared.outbox import publish

_ALIVE = (
    "ended_at IS NULL AND last_seen_at > now() - make_interval(days => :idle)"
    " AND sessions.created_at > now() - make_interval(days => :absolute)"
)
_LEFT = (
    "extract(epoch FROM least(last_seen_at + make_interval(days => :idle),"
    " sessions.created_at + make_interval(days => :absolute)) - now())::int AS left"
)


@dataclass(frozen=True)
class Caller:
    """Where a sign-in comes from."""

    address: str
    user_agent: str | None
    device: str | None


async def start(session: AsyncSession, user: User, caller: Caller, wired: Wired) -> Tokens:
    """A new session of somebody whose right to it was shown; the oldest ends where there would be too many.

    Every path to a session ends here, so here stands the guard: raises what `rules.entry_refusal` says. The user's row
    has been locked by the caller, so it is as it stands.
    """
    refusal = rules.entry_refusal(user.status)
    if refusal is not None:
        raise refusal
    user_id = user.id
    await _make_room(session, user_id, wired)
    device_id, known = await devices.seen(session, user_id, caller.device, wired)
    user_agent = (caller.user_agent or "")[:300] or None
    row = Session(id=uuid7(), user_id=user_id, user_agent=user_agent, address=caller.address, device_id=device_id)
    session.add(row)
    history.record(session, user_id, "signed_in", address=row.address, user_agent=row.user_agent)
    origin = SessionOrigin(address=row.address, user_agent=row.user_agent)
    publish(session, SessionStarted(user_id=user_id, session_id=row.id, known_device=known), sealed=origin)
    left = min(wired.settings.session_idle_days, wired.settings.session_absolute_days) * 86_400
    return session_tokens.make(
        row.id, user_id, 0, left, wired, device=session_tokens.of_device(device_id, user_id, wired)
    )


# One conditional update is the whole good path: of two at once one counts up, the other finds the successor afterwards.
_ROTATE = (
    (
        "UPDATE sessions SET counter = counter + 1, rotated_at = clock_timestamp(), last_seen_at = now() FROM users"
        f" WHERE sessions.id = $3 AND counter = $4 AND {_ALIVE}"
        f" AND users.id = sessions.user_id AND users.status = 'active' RETURNING user_id, {_LEFT}"
    )
    .replace(":idle", "$1")
    .replace(":absolute", "$2")
)


async def refresh(refresh_token: str, wired: Wired) -> Tokens | SessionEnded:
    """The successor of the token; for the previous one, within 30 s and before its successor was used, the same one.

    Any other reuse ends the session. A refusal is returned, not raised, so that the ending is committed.
    """
    found = session_tokens.read_refresh(refresh_token, wired)
    if found is None:
        return SessionEnded()
    session_id, counter = found
    if row := await wired.database.fetchrow(_ROTATE, *_days(wired).values(), session_id, counter):
        return session_tokens.make(session_id, row["user_id"], counter + 1, row["left"], wired)
    async with wired.database.transaction() as session:
        return await _again(session, session_id, counter, wired)


async def _again(session: AsyncSession, session_id: UUID, counter: int, wired: Wired) -> Tokens | SessionEnded:
    """The token is not its session's newest."""
    current = text(
        f"SELECT user_id, counter, extract(epoch FROM clock_timestamp() - rotated_at)::float AS age, {_LEFT}"
        " FROM sessions JOIN users ON users.id = sessions.user_id"
        f" WHERE sessions.id = :id AND {_ALIVE} AND users.status = 'active'"
    )
    row = (await session.execute(current, {"id": session_id, **_days(wired)})).first()
    if row is None:
        return SessionEnded()
    if counter == row.counter - 1 and row.age < wired.settings.refresh_again_seconds:
        return session_tokens.make(session_id, row.user_id, row.counter, row.left, wired)
    if counter != row.counter:
        await end(session, row.user_id, [session_id], "refresh_reused")
    return SessionEnded()


async def own(session: AsyncSession, user_id: UUID, wired: Wired) -> Sequence[RowMapping]:
    """The user's sessions that go on, the one seen last first."""
    statement = text(
        "SELECT id, created_at, last_seen_at, user_agent, address FROM sessions"
        f" WHERE user_id = :user_id AND {_ALIVE} ORDER BY last_seen_at DESC, id DESC"
    )
    return (await session.execute(statement, {"user_id": user_id, **_days(wired)})).mappings().all()


async def end(session: AsyncSession, user_id: UUID, session_ids: Sequence[UUID] | None, reason: str) -> int:
    """End these sessions of the user (None: all), here at once and in the other services by event; how many ended."""
    return await _end(session, user_id, "id = ANY(CAST(:ids AS uuid[]))", session_ids, reason)


async def end_others(session: AsyncSession, user_id: UUID, kept: UUID, reason: str) -> int:
    """End all sessions of the user but one."""
    return await _end(session, user_id, "id <> ALL(CAST(:ids AS uuid[]))", [kept], reason)


async def _end(
    session: AsyncSession, user_id: UUID, chosen: str, session_ids: Sequence[UUID] | None, reason: str
) -> int:
    await lock_user(session, user_id)
    statement = text(
        "UPDATE sessions SET ended_at = now() WHERE user_id = :user_id AND ended_at IS NULL"
        f" AND (:every OR {chosen}) RETURNING id"
    )
    values = {"user_id": user_id, "every": session_ids is None, "ids": list(session_ids or ())}
    ended = list((await session.execute(statement, values)).scalars())
    if ended:
        await end_sessions(session, ended)
        history.record(session, user_id, "sessions_ended", reason=reason, count=str(len(ended)))
        publish(session, SessionsEnded(user_id=user_id, session_ids=ended, reason=reason))
    return len(ended)


async def lock_user(session: AsyncSession, user_id: UUID) -> None:
    """The user's row is locked before anything is said of the user, so that it is said in the order of commits."""
    await session.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": user_id})


async def _make_room(session: AsyncSession, user_id: UUID, wired: Wired) -> None:
    statement = text(
        f"SELECT id FROM sessions WHERE user_id = :user_id AND {_ALIVE}"
        " ORDER BY sessions.created_at DESC, id DESC OFFSET :kept"
    )
    values = {"user_id": user_id, "kept": wired.settings.sessions_per_user - 1, **_days(wired)}
    if oldest := list((await session.execute(statement, values)).scalars()):
        await end(session, user_id, oldest, "too_many_sessions")


def _days(wired: Wired) -> dict[str, Any]:
    return {"idle": wired.settings.session_idle_days, "absolute": wired.settings.session_absolute_days}
