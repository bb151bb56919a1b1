"""Changing what a user has: the password, the phone, the language."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import history, proofs, sessions, tokens
from identity.proofs import Proof
from identity.reauthenticating import Proven, held
from identity.tables import User
from identity.wired import Wired
from shared.contacts import mask_phone
from shared.context import Locale
from shared.contracts.identity import ChangedContacts, ContactChanged, PasswordChanged
from shared.languages import as_locale
from shared.outbox import publish
from shared.problems import NotAuthenticated


async def own_words(session: AsyncSession, user_id: UUID) -> tuple[str, ...]:
    """Login, address and phone, for judging a new password."""
    statement = text("SELECT login, coalesce(email, ''), coalesce(phone, '') FROM users WHERE id = :id")
    return tuple((await session.execute(statement, {"id": user_id})).first() or ())


async def password(session: AsyncSession, proven: Proven, password_hash: str) -> None:
    """The new password; every other session ends, and every link that was under way."""
    user = await held(session, proven)
    user.password_hash, user.password_weak = password_hash, False
    history.record(session, user.id, "password_changed")
    await tokens.kill(session, user.id)
    await sessions.end_others(session, user.id, proven.session_id, "password_changed")
    publish(session, PasswordChanged(user_id=user.id, reason="changed"))


async def phone(session: AsyncSession, proven: Proven, number: str, proof: Proof, wired: Wired) -> None:
    """The phone that was shown to be in hand; the one before is told."""
    user = await held(session, proven)
    await proofs.count_try(session, proof, wired.settings.phone_proof_tries)
    await proofs.spend(session, proof)
    before, user.phone = user.phone, number
    user.phone_confirmed_at = await session.scalar(text("SELECT now()"))
    history.record(session, user.id, "phone_changed", phone=mask_phone(number))
    event = ContactChanged(user_id=user.id, what="phone", locale=as_locale(user.locale))
    previous = before if before != number else None
    publish(session, event, sealed=ChangedContacts(email=_reachable(user), phone=number, previous=previous))


async def locale(session: AsyncSession, user_id: UUID, chosen: Locale) -> User:
    user = await session.get(User, user_id, with_for_update=True)
    if user is None or user.status != "active":
        raise NotAuthenticated
    if user.locale != chosen:
        user.locale = chosen
        history.record(session, user.id, "locale_changed", locale=chosen)
        event = ContactChanged(user_id=user.id, what="locale", locale=chosen)
        publish(session, event, sealed=ChangedContacts(email=_reachable(user), phone=user.phone))
    return user


def _reachable(user: User) -> str | None:
    """The address, if it is known to be the user's."""
    return user.email if user.email_confirmed_at is not None else None
