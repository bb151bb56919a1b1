"""What support does for, or against, a user: each act with who did it and why, kept for good."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from identity import addresses, erasing, history, letters, rules, sessions, tokens
from identity.tables import LegacyUser, User, UserAct
from identity.wired import Wired
from shared.complaints import CannotGoOn
from shared.contacts import canonical_email
from shared.mandate import Mandate


async def find(session: AsyncSession, login: str) -> User | LegacyUser:
    """Who has the login, locked: a user, who may have brought it as another old one, or somebody of the old portal who
    has not come yet; `CannotGoOn`: nobody."""
    key = rules.login_key(login.strip())
    user = await session.scalar(select(User).where(col(User.login_key) == key).with_for_update())
    if user is not None:
        return user
    old = await session.scalar(select(LegacyUser).where(col(LegacyUser.account_number) == key).with_for_update())
    if old is not None:
        return old
    brought = text(
        "SELECT user_id FROM history_entries WHERE kind = 'legacy_login_added' AND details ->> 'account_number' = :key"
    )
    user_id: UUID | None = await session.scalar(brought, {"key": key})
    user = None if user_id is None else await session.get(User, user_id, with_for_update=True)
    if user is None:
        raise CannotGoOn("Nobody has this login. Somebody who was erased is in `identity erasures list` alone.")
    return user


def note(session: AsyncSession, user_id: UUID, act: str, mandate: Mandate) -> None:
    session.add(UserAct(id=uuid7(), user_id=user_id, act=act, done_by=mandate.by, reason=mandate.reason))


async def acts(session: AsyncSession, user_id: UUID) -> list[Row[Any]]:
    """What was done before, newest first."""
    statement = text(
        "SELECT act, done_by, reason, done_at FROM user_acts WHERE user_id = :id ORDER BY id DESC LIMIT 100"
    )
    return list((await session.execute(statement, {"id": user_id})).all())


async def block(session: AsyncSession, login: str, mandate: Mandate) -> User:
    """No session goes on and none begins until it is taken back; links in letters are dead."""
    user = _only_user(await find(session, login))
    if user.status != "active":
        raise CannotGoOn(f"The user is not active but {user.status.replace('_', ' ')}.")
    user.status = "blocked"
    history.record(session, user.id, "blocked")
    await tokens.kill(session, user.id)
    await sessions.end(session, user.id, None, "blocked")
    note(session, user.id, "block", mandate)
    return user


async def unblock(session: AsyncSession, login: str, mandate: Mandate) -> User:
    user = _only_user(await find(session, login))
    if user.status != "blocked":
        raise CannotGoOn("The user is not blocked.")
    user.status = "active"
    history.record(session, user.id, "unblocked")
    note(session, user.id, "unblock", mandate)
    return user


async def end_sessions(session: AsyncSession, login: str, mandate: Mandate) -> int:
    """How many ended."""
    user = _only_user(await find(session, login))
    count = await sessions.end(session, user.id, None, "ended_by_support")
    note(session, user.id, "end-sessions", mandate)
    return count


async def set_email(session: AsyncSession, login: str, email: str, mandate: Mandate, wired: Wired) -> str:
    """What happens next. An address is never taken as confirmed because support typed it: a letter goes there first.

    Who has not come over yet has no letters to confirm: the address is taken as if the old portal had known it.
    """
    address = canonical_email(email)
    if address is None:
        raise CannotGoOn("This cannot be an e-mail address.")
    found = await find(session, login)
    note(session, found.id, "set-email", mandate)
    if isinstance(found, LegacyUser):
        found.email = address
        return "The address is known now; a recovery letter can go there."
    if found.status == "awaiting_email":
        await tokens.kill(session, found.id)
        found.email = address
        await letters.confirm_email(session, found, address, "registration", wired)
    else:
        try:
            await addresses.ask_change(session, found, address, wired)
        except rules.TooManyLetters:
            raise CannotGoOn("This user has caused today's letters already; try again tomorrow.") from None
    return "A letter goes there; the address counts when its link is confirmed."


async def erase(session: AsyncSession, login: str, mandate: Mandate, wired: Wired) -> UUID | None:
    """The erasure's id; None for somebody of the old portal who had not come, of whom no other service knows."""
    found = await find(session, login)
    erased = None
    if isinstance(found, LegacyUser):
        await erasing.forget_old(session, found, wired)
    else:
        erased = await erasing.erase(session, found, wired)
    note(session, found.id, "erase", mandate)
    return erased


def _only_user(found: User | LegacyUser) -> User:
    if isinstance(found, LegacyUser):
        raise CannotGoOn(
            "This login has not come over from the old portal yet: it has no sessions, and nothing to block."
        )
    return found
