"""E-mail addresses: what their confirmation makes of a user, the change to another one, and the way back."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import devices, history, letters, registering, rules, sessions, tokens
from identity.tables import User
from identity.wired import Wired
from shared.contacts import canonical_email, mask_email
from shared.contracts.identity import ChangedContacts, ContactChanged, RegisteredContacts, UserRegistered
from shared.languages import as_locale
from shared.outbox import publish


async def confirm(session: AsyncSession, token: str, wired: Wired) -> tuple[UUID, str]:
    """The address is its owner's: a registration becomes a user, a user gets a confirmed or another address."""
    used = await tokens.use(session, token, ("registration", "migration", "email_change"), wired)
    user = None if used is None else await session.get(User, used.user_id)
    if used is None or used.email is None or user is None:
        raise rules.LinkNotValid
    if used.purpose == "email_change":
        await _change(session, user, used.email, wired)
    elif user.email != used.email or await registering.is_dead(session, user, wired):
        raise rules.LinkNotValid
    elif used.purpose == "registration":
        await _become_user(session, user)
    else:
        await _confirmed(session, user)
    return user.id, used.purpose


async def ask_change(session: AsyncSession, user: User, email: str, wired: Wired) -> None:
    """The letter to the new address; the old one stays until it is confirmed. The caller holds the user's row.

    Raises `EmailInvalid`, or `TooManyLetters` where this user has caused today's letters already.
    """
    address = canonical_email(email)
    if address is None:
        raise rules.EmailInvalid
    await letters.refuse_beyond_budget(session, user.id, wired)
    await tokens.kill(session, user.id, "email_change")
    if address == user.email and user.email_confirmed_at is not None:
        user.pending_email = None  # somebody thought better of it
        return
    user.pending_email = address
    history.record(session, user.id, "email_change_asked", email=mask_email(address))
    await letters.confirm_email(session, user, address, "email_change", wired)


async def reverse(session: AsyncSession, token: str, unknown_password_hash: str, wired: Wired) -> None:
    """The address from before is back, and its owner alone gets in again, by the recovery letter that goes out.

    Whoever changed the address knew the password, so it opens nothing any more, and no device is known.
    """
    used = await tokens.use(session, token, ("reversal",), wired)
    user = None if used is None else await session.get(User, used.user_id)
    if used is None or used.email is None or user is None:
        raise rules.LinkNotValid
    history.record(session, user.id, "email_reversed", email=mask_email(used.email))
    await _set_address(session, user, used.email)
    user.password_hash = unknown_password_hash
    await devices.forget(session, user.id)
    await sessions.end(session, user.id, None, "email_reversed")
    _tell_address(session, user)
    reader = letters.Reader(user.id, user.login, used.email, user.locale)
    await letters.recovery_letter(session, reader, wired)


async def _change(session: AsyncSession, user: User, address: str, wired: Wired) -> None:
    """The old address is told, with a link back, where it was its owner's: a mistyped one may be a stranger's."""
    if user.pending_email != address:
        raise rules.LinkNotValid
    before = user.email if user.email_confirmed_at is not None else None
    await _set_address(session, user, address)
    history.record(session, user.id, "email_changed", email=mask_email(address))
    if before is None:
        _tell_address(session, user)
    else:
        minutes = wired.settings.reversal_hours * 60
        reversal, _expires_at = await tokens.make(session, "reversal", user.id, minutes, wired, before)
        _tell_address(session, user, previous=before, reversal_token=reversal)


async def _set_address(session: AsyncSession, user: User, address: str) -> None:
    """Confirmed as of now; every link that went to the address before is dead."""
    await tokens.kill(session, user.id)
    user.email, user.pending_email, user.email_problem = address, None, None
    user.email_confirmed_at = await session.scalar(text("SELECT now()"))


async def _become_user(session: AsyncSession, user: User) -> None:
    if user.status != "awaiting_email":
        raise rules.LinkNotValid
    user.email_confirmed_at = user.phone_confirmed_at = await session.scalar(text("SELECT now()"))
    user.status = "active"
    for document in user.consents:
        history.record(session, user.id, "consent_given", document=document, at=f"{user.created_at:%Y-%m-%dT%H:%M:%SZ}")
    history.record(session, user.id, "registered")
    contacts = RegisteredContacts(login=user.login, email=user.email, phone=user.phone)
    event = UserRegistered(user_id=user.id, origin="registered", locale=as_locale(user.locale))
    publish(session, event, sealed=contacts)


async def _confirmed(session: AsyncSession, user: User) -> None:
    user.email_confirmed_at = await session.scalar(text("SELECT now()"))
    user.email_problem = None
    history.record(session, user.id, "email_confirmed", email=mask_email(user.email or ""))
    _tell_address(session, user)


def _tell_address(session: AsyncSession, user: User, **previous: str) -> None:
    event = ContactChanged(user_id=user.id, what="email", locale=as_locale(user.locale))
    publish(session, event, sealed=ChangedContacts(email=user.email, phone=user.phone, **previous))
