"""What identity hears."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity.wired import Wired
from shared.contracts.notifier import NotificationFailed
from shared.inbox import Heard


async def notification_failed(session: AsyncSession, event: NotificationFailed, _wired: Wired) -> None:
    """An address that its server refuses is shown to its owner as a problem."""
    if event.reason == "rejected" and event.channel == "email" and event.user_id is not None:
        statement = text("UPDATE users SET email_problem = 'rejected' WHERE id = :id")
        await session.execute(statement, {"id": event.user_id})


HEARD = (Heard(NotificationFailed, notification_failed),)
