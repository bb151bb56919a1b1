"""Signing in: with a login of ours, or with the old portal's; the same work and answer for who is not there."""

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from identity import credentials, devices, guessing, letters, moving, registering, rules, sessions, tokens
from identity.credentials import Credential
from identity.guessing import Guess
from identity.rules import login_key
from identity.session_tokens import Tokens
from identity.sessions import Caller
from identity.tables import User
from identity.wired import Wired
from shared.contacts import canonical_email, mask_email
from shared.refusals import Refusal


@dataclass(frozen=True)
class Attempt:
    """A guess that was counted, and what it is a guess at."""

    guess: Guess
    credential: Credential


@dataclass(frozen=True)
class Verified:
    """A right password; `new_hash` where the stored one is old or of yesterday's figures."""

    attempt: Attempt
    new_hash: str | None
    weak: bool


async def charged(login: str, caller: Caller, wired: Wired, *, only_old: bool = False) -> Attempt:
    """Find what is guessed at, and count the guess; raises `TooManyAttempts`.

    `only_old`: only the old portal's logins count as known, as for one that is to move into another cabinet.
    """
    key = login_key(login)
    found = await credentials.look_up(key, wired, only_old=only_old)
    # Whoever is not there has no devices either, by the same work.
    device = await devices.known(found.user_id or uuid4(), caller.device, wired)
    return Attempt(await guessing.charge(key, caller.address, wired, device), found)


async def verified(attempt: Attempt, password: str, wired: Wired) -> Verified:
    """Try the password outside any transaction, with exactly one argon2 on every path; raises `InvalidCredentials`.

    Only a right password whose hash has yesterday's figures costs a second one.
    """
    passwords, found = wired.passwords, attempt.credential
    if found.old is not None:
        if await passwords.verify_old(password, found.old) and found.user_id is not None:
            weak = await passwords.is_weak(password, found.own_words)
            return Verified(attempt, await passwords.hash_password(password), weak)
        await passwords.verify_nothing(password)
    elif found.password_hash is None:
        await passwords.verify_nothing(password)
    elif await passwords.verify_password(password, found.password_hash):
        stale = passwords.needs_rehash(found.password_hash)
        return Verified(attempt, await passwords.hash_password(password) if stale else None, False)
    raise rules.OldPasswordsEnded if found.old_portal_ended else rules.InvalidCredentials


async def enter(
    session: AsyncSession, right: Verified, caller: Caller, wired: Wired
) -> tuple[Tokens, User] | Refusal | None:
    """A session, or the next step that is asked for; None where the credential is another one by now: try again.

    The refusal is returned, not raised: moving over from the old portal is committed with it.
    """
    outcome = await _entered(session, right, caller, wired)
    # After the user's row is locked, as a recovery does that forgets the guesses.
    await guessing.was_right(session, right.attempt.guess)
    return outcome


async def _entered(
    session: AsyncSession, right: Verified, caller: Caller, wired: Wired
) -> tuple[Tokens, User] | Refusal | None:
    tried = right.attempt.credential
    assert tried.user_id is not None
    if tried.old is not None:
        user = await moving.move(session, tried.user_id, right.new_hash or "", right.weak, wired)
        if user is None:
            return None  # whoever was faster may have set another password: it is this one that counts now
    else:
        user = await session.get(User, tried.user_id, with_for_update=True)
    if user is None:
        return rules.InvalidCredentials()  # erased, or replaced by another registration, meanwhile
    if tried.password_hash is not None and user.password_hash != tried.password_hash:
        return None  # changed, or hashed anew, while this one was being tried
    if right.new_hash is not None and tried.old is None:
        user.password_hash = right.new_hash
    if user.status == "blocked":
        return rules.UserBlocked()
    if await registering.is_dead(session, user, wired):
        return rules.InvalidCredentials()
    if user.status == "awaiting_email":
        return rules.EmailNotConfirmed(registration_id=str(user.id), email=mask_email(user.email or ""))
    if user.email is None:
        ticket, _expires_at = await tokens.make(session, "ticket", user.id, wired.settings.ticket_minutes, wired)
        return rules.EmailRequired(ticket=ticket)
    return await sessions.start(session, user, caller, wired), user


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
        await letters.confirm_email(session, user, canonical, "migration", wired)
    return await sessions.start(session, user, caller, wired), user
