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
    type = "identity.email_confirmation_requested.v1"
    secrets = EmailConfirmationSecrets

    purpose: Literal["registration", "migration", "email_change"]
    expires_at: datetime
    locale: Locale


class RegisteredContacts(BaseModel):
    login: str
    email: str | None = None
    phone: str | None = None


class UserRegistered(IdentityEvent):
    """Said on confirmation, or at the first login of somebody from the old portal."""

    type = "identity.user_registered.v1"
    secrets = RegisteredContacts

    origin: Literal["registered", "migrated"]
    locale: Locale


class LegacyUserMigrated(IdentityEvent):
    type = "identity.legacy_user_migrated.v1"

    account_number: str
    credentials_as_of: date


class PasswordRecoverySecrets(BaseModel):
    email: str
    login: str
    token: str


class PasswordRecoveryRequested(IdentityEvent):
    type = "identity.password_recovery_requested.v1"
    secrets = PasswordRecoverySecrets

    expires_at: datetime
    locale: Locale


class PasswordChanged(IdentityEvent):
    type = "identity.password_changed.v1"

    reason: Literal["changed", "reset"]


class ChangedContacts(BaseModel):
    email: str | None = None
    phone: str | None = None
    previous: str | None = None
    reversal_token: str | None = None


class ContactChanged(IdentityEvent):
    type = "identity.contact_changed.v1"
    secrets = ChangedContacts

    what: Literal["email", "phone", "locale"]
    locale: Locale


class SessionOrigin(BaseModel):
    address: str | None = None
    user_agent: str | None = None


class SessionStarted(IdentityEvent):
    type = "identity.session_started.v1"
    secrets = SessionOrigin

    session_id: UUID
    known_device: bool


class SessionsEnded(IdentityEvent):
    type = "identity.sessions_ended.v1"

    session_ids: list[UUID]
    reason: str


class ErasedContacts(BaseModel):
    email: str | None = None


class UserErased(IdentityEvent):
    type = "identity.user_erased.v1"
    secrets = ErasedContacts


class UserStated(IdentityEvent):
    """The user as it is now, for a reader that starts or was restored; nothing is sent because of it."""

    type = "identity.user_stated.v1"
    secrets = RegisteredContacts

    locale: Locale
