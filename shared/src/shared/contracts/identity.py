"""What identity says, on `identity.events`, keyed by the user."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from shared.context import Locale
from shared.events import Event

TOPIC = "identity.events"


class IdentityEvent(Event):
    topic = TOPIC
    keyed_by = "user_id"

    user_id: UUID


class EmailConfirmationSecrets(BaseModel):
    email: str
    login: str
    token: str
    other_logins: list[str] = []


class EmailConfirmationRequested(IdentityEvent):
    """A letter is due whose link confirms an address. The link's token travels sealed."""

    type = "identity.email_confirmation_requested.v1"
    secrets = EmailConfirmationSecrets

    purpose: Literal["registration", "migration", "email_change"]
    expires_at: datetime
    """When the link ends; a letter that could not leave before is not sent."""
    locale: Locale


class RegisteredContacts(BaseModel):
    login: str
    email: str | None = None
    phone: str | None = None


class UserRegistered(IdentityEvent):
    """There is a new user. Said on confirmation, or at the first login of somebody from the old portal."""

    type = "identity.user_registered.v1"
    secrets = RegisteredContacts

    origin: Literal["registered", "migrated"]
    locale: Locale


class LegacyUserMigrated(IdentityEvent):
    """Somebody showed the password of an old portal's login, which is an account number, and moved it over."""

    type = "identity.legacy_user_migrated.v1"

    account_number: str
    """The old login: 5–14 ASCII digits; leading zeros count."""
    credentials_as_of: date
    """The day of the old portal's file; a contract that began later is not the login's."""


class PasswordRecoverySecrets(BaseModel):
    email: str
    login: str
    token: str


class PasswordRecoveryRequested(IdentityEvent):
    """A letter is due whose link sets a new password. The link's token travels sealed."""

    type = "identity.password_recovery_requested.v1"
    secrets = PasswordRecoverySecrets

    expires_at: datetime
    """When the link ends; a letter that could not leave before is not sent."""
    locale: Locale


class PasswordChanged(IdentityEvent):
    """The user has a new password."""

    type = "identity.password_changed.v1"

    reason: Literal["changed", "reset"]
    """`reset`: by a recovery letter."""


class ChangedContacts(BaseModel):
    email: str | None = None
    phone: str | None = None
    previous: str | None = None
    reversal_token: str | None = None


class ContactChanged(IdentityEvent):
    """The user's address, phone or language is another one now; both contacts as they are travel sealed."""

    type = "identity.contact_changed.v1"
    secrets = ChangedContacts

    what: Literal["email", "phone", "locale"]
    locale: Locale


class SessionOrigin(BaseModel):
    address: str | None = None
    user_agent: str | None = None


class SessionStarted(IdentityEvent):
    """Somebody signed in."""

    type = "identity.session_started.v1"
    secrets = SessionOrigin

    session_id: UUID
    known_device: bool
    """The device had signed in as this user before."""


class SessionsEnded(IdentityEvent):
    """These sessions are over: whoever checks access tokens refuses theirs, although they have not run out."""

    type = "identity.sessions_ended.v1"

    session_ids: list[UUID]
    reason: str
    """Such as `signed_out` or `password_reset`; new reasons may come."""


class ErasedContacts(BaseModel):
    email: str | None = None


class UserErased(IdentityEvent):
    """The user asked to be erased: every reader forgets them, and ignores what still comes about them."""

    type = "identity.user_erased.v1"
    secrets = ErasedContacts


class UserStated(IdentityEvent):
    """The user as it is now, for a reader that starts or was restored; nothing is sent because of it."""

    type = "identity.user_stated.v1"
    secrets = RegisteredContacts

    locale: Locale
