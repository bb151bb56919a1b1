"""Proving again who is there, by the password, before something changes that a thief of the session would want."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from identity import guessing, rules
from identity.tables import User
from identity.wired import Wired
from shared.bearer import Who
from shared.problems import NotAuthenticated

_USER = (
    "SELECT login_key, password_hash, (SELECT device_id FROM sessions WHERE id = $2) AS device_id"
    " FROM users WHERE id = $1 AND status = 'active'"
)


@dataclass(frozen=True)
class Proven:
    """Somebody who has just shown the password of that hash."""

    user_id: UUID
    session_id: UUID
    password_hash: str


async def prove(who: Who, password: str, address: str, wired: Wired) -> Proven:
    """Try the password as a sign-in would: counted first, hashed outside of any transaction.

    Raises `WrongPassword`, or `TooManyAttempts` where the login's guesses are used up.
    """
    async with wired.passwords.turn():
        return await _proven(who, password, address, wired)


async def _proven(who: Who, password: str, address: str, wired: Wired) -> Proven:
    user = await wired.database.fetchrow(_USER, who.user_id, who.session_id)
    if user is None:
        raise NotAuthenticated
    # The session's device is a known one, so strangers who guess at the login do not keep its owner from this.
    guess = await guessing.charge(user["login_key"], address, wired, user["device_id"])
    if not await wired.passwords.verify_password(password, user["password_hash"]):
        raise rules.WrongPassword
    async with wired.database.transaction() as session:
        await guessing.was_right(session, guess)
    return Proven(who.user_id, who.session_id, user["password_hash"])


async def held(session: AsyncSession, proven: Proven) -> User:
    """The user's row, locked, as long as the password that was shown is still the one that counts."""
    user = await session.get(User, proven.user_id, with_for_update=True)
    if user is None or user.status != "active":
        raise NotAuthenticated
    if user.password_hash != proven.password_hash:
        raise rules.WrongPassword
    return user
