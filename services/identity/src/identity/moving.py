"""Moving over: the first right password (or a recovery) makes a user of somebody from the old portal."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import history, old_credentials
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
        "DELETE FROM legacy_users WHERE id = :id RETURNING account_number, hash_kind, email, phone, credentials_as_of"
    )
    old = (await session.execute(statement, {"id": legacy_id})).first()
    if old is None:
        return None
    await close(session, old.account_number, old.hash_kind, wired)
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
    history.record(session, user.id, "migrated", account_number=user.login)
    contacts = RegisteredContacts(login=user.login, email=user.email, phone=user.phone)
    publish(session, UserRegistered(user_id=user.id, origin="migrated", locale=locale), sealed=contacts)
    publish(
        session,
        LegacyUserMigrated(user_id=user.id, account_number=old.account_number, credentials_as_of=old.credentials_as_of),
    )
    return user


async def close(session: AsyncSession, account_number: str, hash_kind: str, wired: Wired) -> None:
    """The old credential, whose row is gone, opens nothing any more, whatever is imported later."""
    mark = text("INSERT INTO legacy_marks (number_hmac) VALUES (:mark) ON CONFLICT DO NOTHING")
    await session.execute(mark, {"mark": old_credentials.mark(wired.keys, account_number)})
    # What unknown logins are drawn from (`credentials`). The row is locked until the commit, which is near.
    moved = text("UPDATE old_hash_kinds SET waiting = greatest(waiting - 1, 0), moved = moved + 1 WHERE kind = :kind")
    await session.execute(moved, {"kind": hash_kind})
