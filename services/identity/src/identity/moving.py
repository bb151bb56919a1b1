"""Moving over: the first right password (or a recovery) makes a user of somebody from the old portal."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import old_credentials
from identity.tables import User
from identity.wired import Wired
from shared import context
from shared.contracts.identity import LegacyUserMigrated, RegisteredContacts, UserRegistered
from shared.outbox import publish


async def move(session: AsyncSession, legacy_id: UUID, password_hash: str, weak: bool, wired: Wired) -> User | None:
    """The user, made exactly once however many come in at the same time; None where another one was faster.

    The old credential is gone with its row, and a mark keeps it from coming back by a later import. An address that
    the old portal knew counts as confirmed: its letters went there.
    """
    statement = text(
        "DELETE FROM legacy_users WHERE id = :id RETURNING account_number, email, phone, credentials_as_of"
    )
    old = (await session.execute(statement, {"id": legacy_id})).first()
    if old is None:
        return None
    mark = text("INSERT INTO legacy_marks (number_hmac) VALUES (:mark) ON CONFLICT DO NOTHING")
    await session.execute(mark, {"mark": old_credentials.mark(wired.keys, old.account_number)})
    locale = context.locale.get()
    user = User(
        id=legacy_id,
        login=old.account_number,
        login_key=old.account_number,
        status="active",
        password_hash=password_hash,
        password_weak=weak,
        email=old.email,
        phone=old.phone,
        locale=locale,
        origin="migrated",
        email_confirmed_at=await session.scalar(text("SELECT now()")) if old.email else None,
    )
    session.add(user)
    await session.flush()
    contacts = RegisteredContacts(login=user.login, email=user.email, phone=user.phone)
    publish(session, UserRegistered(user_id=user.id, origin="migrated", locale=locale), sealed=contacts)
    publish(
        session,
        LegacyUserMigrated(user_id=user.id, account_number=old.account_number, credentials_as_of=old.credentials_as_of),
    )
    return user
