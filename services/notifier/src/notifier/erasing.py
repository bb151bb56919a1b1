"""Erasing a user: everything that is kept of them goes at once, one farewell leaves, and identity gets its receipt."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notifier import contacts, rules
from notifier.notifying import Desk, News, opened, tell
from notifier.rules import Kind
from shared.contacts import mask_email
from shared.contracts import identity
from shared.contracts.notifier import UserDataErased
from shared.outbox import publish

# A suppressed address stays: it is an HMAC that names nobody, and knows no user.
_FORGET = (
    text("INSERT INTO erased_readers (user_id) VALUES (:user_id) ON CONFLICT DO NOTHING"),
    text("UPDATE notification_acts SET reason = '' WHERE user_id = :user_id"),
    text("DELETE FROM contacts WHERE user_id = :user_id"),
    text("DELETE FROM notifications WHERE user_id = :user_id"),
)


async def user_erased(session: AsyncSession, event: identity.UserErased, desk: Desk) -> None:
    """The farewell belongs to no user any more, and its address goes with it, sent or not, within 12 hours."""
    if event.sealed is not None and (email := opened(event, identity.ErasedContacts, desk).email):
        reader = await contacts.find(session, event.user_id)
        news = News(
            event,
            Kind.USER_ERASED,
            event.time + rules.ERASURE_LIFE,
            locale=reader.locale if reader else None,
            masked_address=mask_email(email),
            sealed=event.sealed,
        )
        await tell(session, news, desk.bells)
    await contacts.hold_reader(session, event.user_id, alone=True)
    for statement in _FORGET:
        await session.execute(statement, {"user_id": event.user_id})
    publish(session, UserDataErased(user_id=event.user_id))
