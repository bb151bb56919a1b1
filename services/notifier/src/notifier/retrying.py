"""Retrying by support: what waits goes now, and a notice that ended unsent is told again as a new one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notifier import rules
from notifier.notifying import Bells, News, tell
from notifier.rules import Channel, Kind, Status
from notifier.writing import SECRETS
from shared.complaints import CannotGoOn
from shared.events import Event
from shared.mandate import Mandate

_LIST = text("""
    SELECT id, user_id, kind, channel, masked_address, created_at, expires_at, ended_at, tries,
        CASE WHEN status = 'queued' AND EXISTS (
            SELECT 1 FROM attempts WHERE notification_id = notifications.id AND outcome IS NULL
        ) THEN 'attempting' ELSE status END AS status,
        (
            SELECT concat_ws(' ', provider, outcome, code, receipt) FROM attempts
            WHERE notification_id = notifications.id ORDER BY started_at DESC LIMIT 1
        ) AS last
    FROM notifications
    WHERE (CAST(:user_id AS uuid) IS NULL OR user_id = :user_id) AND (CAST(:kind AS text) IS NULL OR kind = :kind)
        AND (CAST(:status AS text) IS NULL OR status = :status) AND (CAST(:id AS uuid) IS NULL OR id = :id)
    ORDER BY id DESC LIMIT :count
""")
_FIND = text("SELECT * FROM notifications WHERE id = :id FOR UPDATE")
_NOW = text("SELECT now()")
_HURRY = text("UPDATE notifications SET due_at = now() WHERE id = :id AND status = 'queued' AND held_by IS NULL")
_ACT = text("""
    INSERT INTO notification_acts (id, notification_id, user_id, act, told_as, by, reason)
    VALUES (:act_id, :id, :user_id, :act, :told_as, :by, :reason)
""")
_ACTS_BEFORE = text("SELECT 1 FROM notification_acts WHERE notification_id = :id AND told_as IS NOT NULL")


@dataclass(frozen=True)
class Wanted:
    """Which notifications are to be listed; None: any."""

    user_id: UUID | None = None
    kind: str | None = None
    status: str | None = None
    id: UUID | None = None


async def look(session: AsyncSession, wanted: Wanted, count: int, mandate: Mandate) -> list[RowMapping]:
    """Newest first; `attempting` where one is with the server at this moment. The look is kept like any act."""
    await note(session, "list", mandate, wanted.id, wanted.user_id)
    return list((await session.execute(_LIST, {**vars(wanted), "count": count})).mappings().all())


async def note(
    session: AsyncSession,
    act: Literal["list", "retry"],
    mandate: Mandate,
    notification_id: UUID | None,
    user_id: UUID | None,
    told_as: UUID | None = None,
) -> None:
    who = {"by": mandate.by, "reason": mandate.reason}
    values = {"act_id": uuid7(), "id": notification_id, "user_id": user_id, "act": act, "told_as": told_as}
    await session.execute(_ACT, values | who)


class NotRetried(CannotGoOn):
    """It cannot be sent again, and why."""


async def retry(session: AsyncSession, notification_id: UUID, mandate: Mandate, bells: Bells) -> UUID:
    """The id under which it goes: its own while it is queued, else that of a new notification.

    A code or link is never sent again: it was wiped, and whoever needs one asks for a new one.
    """
    row = (await session.execute(_FIND, {"id": notification_id})).mappings().one_or_none()
    if row is None:
        raise NotRetried(f"There is no notification {notification_id}.")
    told_as = None
    match row["status"]:
        case Status.QUEUED:
            await session.execute(_HURRY, {"id": notification_id})
            bells.ring_after_commit(session)
        case Status.WAITING:
            raise NotRetried("It waits for an address: `identity restate` says all of them again.")
        case Status.SENT:
            raise NotRetried("It was sent.")
        case _:
            told_as = await _tell_again(session, row, bells)
    await note(session, "retry", mandate, notification_id, row["user_id"], told_as)
    return told_as or notification_id


async def _tell_again(session: AsyncSession, row: RowMapping, bells: Bells) -> UUID:
    kind, channel = Kind(row["kind"]), row["channel"]
    if kind in SECRETS or row["user_id"] is None:
        raise NotRetried("What it held was wiped when it ended. Whoever needs a code or a link asks for a new one.")
    if await session.scalar(_ACTS_BEFORE, {"id": row["id"]}):
        raise NotRetried("It was told again already: see `notifications list` for the newer one.")
    now: datetime | None = await session.scalar(_NOW)
    assert now is not None
    news = _again(kind, channel, row["user_id"], row["details"], now)
    told_as = await tell(session, news, bells)
    if told_as is None:
        raise NotRetried("Its reader was erased.")
    return told_as


def _again(kind: Kind, channel: Channel, user_id: UUID, details: dict[str, Any], now: datetime) -> News:
    return News(Event(), kind, now + rules.NOTICE_LIFE, user_id=user_id, channel=channel, details=details)
