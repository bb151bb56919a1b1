"""Contacts: a copy of what identity says, and the release of what waited for it."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notifier import rules
from shared.contacts import mask_email, mask_phone
from shared.database import affected

_KEEP = text("""
    INSERT INTO contacts (user_id, email, phone, locale, as_of)
    VALUES (:user_id, :email, :phone, :locale, :as_of)
    ON CONFLICT (user_id) DO UPDATE SET
        email = CASE WHEN :sets_email THEN excluded.email ELSE contacts.email END,
        phone = CASE WHEN :sets_phone THEN excluded.phone ELSE contacts.phone END,
        locale = excluded.locale,
        as_of = excluded.as_of
    WHERE excluded.as_of > contacts.as_of  -- a repeat that comes late never takes a newer address back
""")

_RELEASE = text("""
    UPDATE notifications SET status = 'queued', due_at = now(), address = :address, masked_address = :masked,
        locale = coalesce(locale, :locale)
    WHERE user_id = :user_id AND channel = :channel AND status = 'waiting'
""")


@dataclass(frozen=True)
class Reachable:
    email: str | None
    phone: str | None
    locale: str

    def address(self, channel: rules.Channel) -> str | None:
        return self.email if channel == "email" else self.phone


async def hold_reader(session: AsyncSession, user_id: UUID, *, alone: bool) -> bool:
    """Take a turn with the user until the commit; False where the user is erased.

    Contacts and erasures go alone, news go side by side. Without turns, news that found no contacts and contacts that
    found no news could be committed at the same time, and the news would wait for ever.
    """
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    await session.execute(text(f"SELECT {lock}(hashtextextended(:name, 0))"), {"name": f"reader {user_id}"})
    erased = await session.scalar(text("SELECT 1 FROM erased_readers WHERE user_id = :user_id"), {"user_id": user_id})
    return erased is None


async def keep(
    session: AsyncSession,
    user_id: UUID,
    as_of: UUID,
    locale: str,
    *,
    email: str | None = None,
    phone: str | None = None,
    sets: frozenset[str] = frozenset({"email", "phone"}),
) -> bool:
    """Keep what the event `as_of` says (`sets` names what it speaks of) and release what waited; True if some did."""
    if not await hold_reader(session, user_id, alone=True):
        return False
    values = {"user_id": user_id, "email": email, "phone": phone, "locale": locale, "as_of": as_of}
    await session.execute(_KEEP, {**values, "sets_email": "email" in sets, "sets_phone": "phone" in sets})
    return await release(session, user_id)


async def release(session: AsyncSession, user_id: UUID) -> bool:
    reachable = await find(session, user_id)
    released = 0
    for channel, address, masked in _ways(reachable):
        values = {"user_id": user_id, "channel": channel, "address": address, "masked": masked}
        result = await session.execute(_RELEASE, {**values, "locale": reachable.locale if reachable else None})
        released += affected(result)
    return released > 0


def _ways(reachable: Reachable | None) -> list[tuple[str, str, str]]:
    ways = []
    if reachable and reachable.email:
        ways.append(("email", reachable.email, mask_email(reachable.email)))
    if reachable and reachable.phone:
        ways.append(("sms", reachable.phone, mask_phone(reachable.phone)))
    return ways


async def find(session: AsyncSession, user_id: UUID) -> Reachable | None:
    statement = text("SELECT email, phone, locale FROM contacts WHERE user_id = :user_id")
    row = (await session.execute(statement, {"user_id": user_id})).one_or_none()
    return Reachable(row.email, row.phone, row.locale) if row else None
