"""What identity hears."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import erasing
from identity.wired import Wired
from shared.contracts import billing_link, notifier
from shared.contracts.notifier import NotificationFailed
from shared.inbox import Heard


async def notification_failed(session: AsyncSession, event: NotificationFailed, _wired: Wired) -> None:
    """An address that its server refuses is shown to its owner as a problem."""
    if event.reason == "rejected" and event.channel == "email" and event.user_id is not None:
        # A letter to the address before, or to one that waits for its confirmation, says nothing of the present one.
        statement = text(
            "UPDATE users SET email_problem = 'rejected' WHERE id = :id AND :kind <> 'email_changed'"
            " AND NOT (:kind = 'email_confirmation' AND pending_email IS NOT NULL)"
        )
        await session.execute(statement, {"id": event.user_id, "kind": event.kind})


async def user_data_erased(
    session: AsyncSession, event: billing_link.UserDataErased | notifier.UserDataErased, _wired: Wired
) -> None:
    await erasing.take_receipt(session, event.user_id, event.owner())


HEARD = (
    Heard(NotificationFailed, notification_failed),
    Heard(billing_link.UserDataErased, user_data_erased),
    Heard(notifier.UserDataErased, user_data_erased),
)
