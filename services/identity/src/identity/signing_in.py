"""Signing in: with a login of ours, or with the old portal's; the same work and answer for who is not there."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from identity import guessing, letters, moving, old_credentials, rules, sessions, tokens
from identity.old_hashes import OldHash
from identity.rules import login_key
from identity.sessions import Caller, Tokens
from identity.tables import LegacyUser, User
from identity.wired import Wired
from shared.contacts import canonical_email, mask_email
from shared.refusals import Refusal


@dataclass(frozen=True)
class Credential:
    """What a password is tried against: our hash, an old one, or nothing at all."""

    guess_id: UUID
    user_id: UUID | None = None
    password_hash: str | None = None
    old: OldHash | None = None


@dataclass(frozen=True)
class Verified:
    """A right password; `new_hash` where the stored one is old or of yesterday's figures."""

    credential: Credential
    new_hash: str | None
    weak: bool


async def charged(session: AsyncSession, login: str, address: str, wired: Wired) -> Credential:
    """Count the guess, then find what it is a guess at; raises `TooManyAttempts`."""
    key = login_key(login)
    guess_id = await guessing.charge(session, key, address, wired)
    # The old portal first: who moves over at this moment is found in one place or the other, never in neither.
    old = (await session.execute(select(LegacyUser).where(col(LegacyUser.account_number) == key))).scalar()
    if old is not None:
        stored = old_credentials.decrypted(wired.keys, old.account_number, old.encrypted_hash)
        return Credential(guess_id, old.id, old=stored)
    user = (await session.execute(select(User).where(col(User.login_key) == key))).scalar()
    if user is not None:
        return Credential(guess_id, user.id, password_hash=user.password_hash)
    return Credential(guess_id)


async def verified(credential: Credential, password: str, login: str, wired: Wired) -> Verified:
    """Try the password outside any transaction, with exactly one argon2 on every path; raises `InvalidCredentials`."""
    passwords = wired.passwords
    if credential.old is not None and await passwords.verify_old(password, credential.old):
        weak = await passwords.is_weak(password, (login,))
        return Verified(credential, await passwords.hash_password(password), weak)
    if credential.password_hash is not None and credential.old is None:
        if await passwords.verify_password(password, credential.password_hash):
            stale = passwords.needs_rehash(credential.password_hash)
            return Verified(credential, await passwords.hash_password(password) if stale else None, False)
    else:
        await passwords.verify_nothing(password)
    raise rules.InvalidCredentials


async def enter(
    session: AsyncSession, right: Verified, caller: Caller, wired: Wired
) -> tuple[Tokens, User] | Refusal | None:
    """A session, or the next step that is asked for; None where the credential is another one by now: try again.

    The refusal is returned, not raised: moving over from the old portal is committed with it.
    """
    await guessing.was_right(session, right.credential.guess_id)
    assert right.credential.user_id is not None
    if right.credential.old is not None:
        user = await moving.move(session, right.credential.user_id, right.new_hash or "", right.weak, wired)
        if user is None:
            return None  # whoever was faster may have set another password: it is this one that counts now
    else:
        user = await session.get(User, right.credential.user_id, with_for_update=True)
    if user is None:
        return rules.InvalidCredentials()  # erased, or replaced by another registration, meanwhile
    if right.credential.password_hash is not None and user.password_hash != right.credential.password_hash:
        return None  # changed, or hashed anew, while this one was being tried
    if right.new_hash is not None and right.credential.old is None:
        user.password_hash = right.new_hash
    if user.status == "blocked":
        return rules.UserBlocked()
    if user.status == "awaiting_email":
        return rules.EmailNotConfirmed(registration_id=str(user.id), email=mask_email(user.email or ""))
    if user.email is None:
        ticket, _expires_at = await tokens.make(session, "ticket", user.id, wired.settings.ticket_minutes, wired)
        return rules.EmailRequired(ticket=ticket)
    return await sessions.start(session, user.id, caller, wired), user


async def enter_with_email(
    session: AsyncSession, ticket: str, email: str, caller: Caller, wired: Wired
) -> tuple[Tokens, User]:
    """The address that the old portal did not know lets its owner in; the letter to confirm it goes out."""
    canonical = canonical_email(email)
    if canonical is None:
        raise rules.EmailInvalid
    used = await tokens.use(session, ticket, ("ticket",), wired)
    user = None if used is None else await session.get(User, used.user_id, with_for_update=True)
    if user is None or user.status == "blocked":
        raise rules.TicketNotValid
    if user.email is None:
        user.email = canonical
        await session.flush()
        await letters.confirm_email(session, user, "migration", wired)
    return await sessions.start(session, user.id, caller, wired), user
