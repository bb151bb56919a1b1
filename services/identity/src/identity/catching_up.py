"""Catching up, where the database was set back to an earlier moment: what was done since then, as far as it was said,
is done again, and nothing that was taken from somebody since comes back."""

import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import devices, erasing, history, letters, sessions, tokens
from identity.tables import LegacyUser, User
from identity.wired import Wired
from shared.contracts.identity import (
    ContactChanged,
    PasswordChanged,
    SessionsEnded,
    UserErased,
    UserRegistered,
)
from shared.said import Said

_KILL_LINKS = text("UPDATE one_time_tokens SET used_at = now() WHERE used_at IS NULL AND purpose <> 'reversal'")


@dataclass
class Lost:
    """What the topic tells of the time that the database does not know, by user."""

    erased: set[UUID] = field(default_factory=set)
    registered: set[UUID] = field(default_factory=set)
    passwords: set[UUID] = field(default_factory=set)
    """Whose newest password is not known here."""
    contacts: set[UUID] = field(default_factory=set)
    ended: dict[UUID, list[UUID]] = field(default_factory=dict)
    """Sessions."""
    blocked: set[UUID] = field(default_factory=set)

    def take(self, said: Said) -> None:
        """In the order of each user's events."""
        match said.event:
            case PasswordChanged(user_id=user_id) if not said.forgotten:
                self.passwords.discard(user_id)
            case _ if not said.forgotten:
                pass
            case UserErased(user_id=user_id):
                self.erased.add(user_id)
            case UserRegistered(user_id=user_id):
                self.registered.add(user_id)
            case PasswordChanged(user_id=user_id):
                self.passwords.add(user_id)
            case ContactChanged(user_id=user_id, what="email" | "phone"):
                self.contacts.add(user_id)
            case SessionsEnded(user_id=user_id, session_ids=ids, reason=reason):
                self.ended.setdefault(user_id, []).extend(ids)
                if reason == "blocked":
                    self.blocked.add(user_id)


@dataclass(frozen=True)
class CaughtUp:
    """What was done about it: ids of users, and how many sessions ended."""

    erased: Collection[UUID]
    unknown: Collection[UUID]
    """Registered since; nobody here knows them, so the other services are told to forget them."""
    without_password: Collection[UUID]
    set_back: Collection[UUID]
    """Whose address or phone is the one from before."""
    blocked: Collection[UUID]
    sessions: int


async def catch_up(said: AsyncIterator[list[Said]], wired: Wired) -> CaughtUp:
    """Before the service is started again, so that nobody gets in between. Each user is a transaction of its own: safe
    to interrupt and to run again."""
    async with wired.database.transaction() as session:
        await session.execute(_KILL_LINKS)
    lost = Lost()
    async for batch in said:
        for one in batch:
            lost.take(one)
    unknown = await _unknown(lost.registered - lost.erased, wired)
    for user_id in sorted(lost.erased | unknown):
        async with wired.database.transaction() as session:
            await erase_again(session, user_id, wired)
    ended = 0
    for user_id, ids in lost.ended.items():
        async with wired.database.transaction() as session:
            ended += await sessions.end(session, user_id, ids, "ended_before")
    blocked = [one for one in sorted(lost.blocked - lost.erased) if await _block(one, wired)]
    unknown_hash = await wired.passwords.hash_password(secrets.token_urlsafe(32))
    without = [
        one
        for one in sorted(lost.passwords - lost.erased)
        if await _forget_password(one, unknown_hash, one not in lost.contacts, wired)
    ]
    set_back = await _known(lost.contacts - lost.erased, wired)
    return CaughtUp(lost.erased, unknown, without, set_back, blocked, ended)


async def erase_again(session: AsyncSession, user_id: UUID, wired: Wired) -> None:
    """Erase whoever is back, and say it to the others whether or not somebody is: a reader may have been set back too.

    No second farewell goes out. The erasure counts as open until all have sent their receipts anew.
    """
    user = await session.get(User, user_id, with_for_update=True)
    if user is not None:
        await erasing.erase(session, user, wired, farewell=False)
        return
    if (old := await session.get(LegacyUser, user_id, with_for_update=True)) is not None:
        await erasing.forget_old(session, old, wired)
    await erasing.say_again(session, user_id)


async def _known(user_ids: Collection[UUID], wired: Wired) -> set[UUID]:
    statement = text("SELECT id FROM users WHERE id = ANY(CAST(:ids AS uuid[]))")
    async with wired.database.transaction() as session:
        return set((await session.execute(statement, {"ids": list(user_ids)})).scalars())


async def _unknown(user_ids: Collection[UUID], wired: Wired) -> set[UUID]:
    """Those who are neither a user nor somebody of the old portal, who comes over under the same id again."""
    statement = text("SELECT id FROM legacy_users WHERE id = ANY(CAST(:ids AS uuid[]))")
    async with wired.database.transaction() as session:
        old: Sequence[UUID] = (await session.execute(statement, {"ids": list(user_ids)})).scalars().all()
    return set(user_ids) - await _known(user_ids, wired) - set(old)


async def _block(user_id: UUID, wired: Wired) -> bool:
    """Whether there was somebody to be blocked; whether support took it back since, no event tells."""
    async with wired.database.transaction() as session:
        user = await session.get(User, user_id, with_for_update=True)
        if user is None or user.status != "active":
            return False
        user.status = "blocked"
        history.record(session, user_id, "blocked")
        await sessions.end(session, user_id, None, "blocked")
        return True


async def _forget_password(user_id: UUID, unknown_hash: str, by_letter: bool, wired: Wired) -> bool:
    """The password from before opens nothing: it may have been changed because somebody knew it. Its owner gets a
    recovery letter, unless the address may be an older one too."""
    async with wired.database.transaction() as session:
        user = await session.get(User, user_id, with_for_update=True)
        if user is None:
            return False
        user.password_hash = unknown_hash
        await tokens.kill(session, user_id)
        await devices.forget(session, user_id)
        await sessions.end(session, user_id, None, "password_set_back")
        if by_letter and user.status == "active" and user.email and user.email_confirmed_at:
            await letters.recovery_letter(session, letters.Reader(user.id, user.login, user.email, user.locale), wired)
        return True
