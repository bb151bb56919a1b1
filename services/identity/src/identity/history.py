"""A user's history: sign-ins, changes and consents, newest first, for the user to read."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity.rules import CursorInvalid
from identity.tables import HistoryEntry

Kind = Literal[
    "registered",
    "migrated",
    "consent_given",
    "signed_in",
    "sessions_ended",
    "password_changed",
    "password_reset",
    "email_change_asked",
    "email_changed",
    "email_confirmed",
    "email_reversed",
    "phone_changed",
    "locale_changed",
    "legacy_login_added",
    "blocked",
    "unblocked",
]


def record(session: AsyncSession, user_id: UUID, kind: Kind, **details: str | None) -> None:
    """Write it down in the transaction of what happened; no details that are none. Contacts come masked."""
    told = {name: value for name, value in details.items() if value is not None}
    session.add(HistoryEntry(id=uuid7(), user_id=user_id, kind=kind, details=told))


async def own(
    session: AsyncSession, user_id: UUID, limit: int, cursor: str | None
) -> tuple[Sequence[RowMapping], str | None]:
    """At most `limit` entries, and where to go on. A cursor is a place in time, so it never goes stale."""
    statement = text(
        "SELECT id, kind, details, at FROM history_entries"
        " WHERE user_id = :user_id AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :count"
    )
    values = {"user_id": user_id, "before": _place(cursor) if cursor else None, "count": limit + 1}
    rows = (await session.execute(statement, values)).mappings().all()
    more = len(rows) > limit
    return rows[:limit], urlsafe_b64encode(rows[limit - 1]["id"].bytes).decode().rstrip("=") if more else None


def _place(cursor: str) -> UUID:
    try:
        return UUID(bytes=urlsafe_b64decode(cursor + "=="))
    except ValueError:
        raise CursorInvalid from None
