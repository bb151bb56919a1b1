"""A user's own list of what we sent them: never what a message said."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.languages import _
from shared.refusals import Refusal

_OWN = text("""
    SELECT id, kind, channel, masked_address AS address, status, created_at, expires_at, ended_at FROM notifications
    WHERE user_id = :user_id AND (CAST(:before AS uuid) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :count
""")


class CursorInvalid(Refusal):
    field: ClassVar[str | None] = "cursor"
    code = "cursor-invalid"
    detail = _("This place in the list is not known. Begin from the start of the list.")


async def own(
    session: AsyncSession, user_id: UUID, limit: int, cursor: str | None
) -> tuple[Sequence[RowMapping], str | None]:
    """Newest first, at most `limit`, and where to go on. A cursor is a place in time, so it never goes stale."""
    values = {"user_id": user_id, "before": _place(cursor) if cursor else None, "count": limit + 1}
    rows = (await session.execute(_OWN, values)).mappings().all()
    more = len(rows) > limit
    return rows[:limit], urlsafe_b64encode(rows[limit - 1]["id"].bytes).decode().rstrip("=") if more else None


def _place(cursor: str) -> UUID:
    try:
        return UUID(bytes=urlsafe_b64decode(cursor + "=="))
    except ValueError:
        raise CursorInvalid from None
