"""Another old login of the same person moves into the cabinet that they have."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import guessing, history, moving, rules, tokens
from identity.signing_in import Verified
from identity.tables import User
from identity.wired import Wired
from shared.contracts.identity import LegacyUserMigrated
from shared.outbox import publish
from shared.problems import NotAuthenticated


async def add(session: AsyncSession, user_id: UUID, right: Verified, wired: Wired) -> str:
    """The account number; the old login opens nothing by itself from now on. Raises `WrongPassword` where it was moved
    by somebody else meanwhile."""
    user = await session.get(User, user_id, with_for_update=True)
    if user is None or user.status != "active":
        raise NotAuthenticated
    statement = text(
        "DELETE FROM legacy_users WHERE id = :id RETURNING id, account_number, hash_kind, credentials_as_of"
    )
    old = (await session.execute(statement, {"id": right.attempt.credential.user_id})).first()
    if old is None:
        raise rules.WrongPassword
    await moving.close(session, old.account_number, old.hash_kind, wired)
    await tokens.kill(session, old.id)
    # After the old login's row, as a sign-in takes both: the other way round two at once could wait for each other.
    await guessing.was_right(session, right.attempt.guess)
    history.record(session, user.id, "legacy_login_added", account_number=old.account_number)
    event = LegacyUserMigrated(
        user_id=user.id, account_number=old.account_number, credentials_as_of=old.credentials_as_of
    )
    publish(session, event)
    number: str = old.account_number
    return number
