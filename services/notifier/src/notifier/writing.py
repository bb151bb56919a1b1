"""Writing a message when it is about to leave: only then is what is sealed opened, and nothing of it is kept."""

from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from notifier.feedback_words import FeedbackWords, support_message
from notifier.letters import LETTERS
from notifier.rendering import Envelope, letter_message
from notifier.rules import Channel, Kind
from notifier.sms_texts import SMS_TEXTS
from notifier.words import Retailer, Words
from shared.contracts import identity, verification
from shared.events import Event
from shared.keys import PrivateKeys
from shared.languages import DEFAULT, catalogue
from shared.sealed import open_sealed

SECRETS: dict[Kind, type[BaseModel]] = {
    Kind.REGISTRATION_CODE: verification.CodeSecrets,
    Kind.PHONE_CHANGE_CODE: verification.CodeSecrets,
    Kind.EMAIL_CONFIRMATION: identity.EmailConfirmationSecrets,
    Kind.PASSWORD_RECOVERY: identity.PasswordRecoverySecrets,
    Kind.EMAIL_CHANGED: identity.ChangedContacts,
    Kind.PHONE_CHANGED: identity.ChangedContacts,
    Kind.NEW_SIGN_IN: identity.SessionOrigin,
    Kind.USER_ERASED: identity.ErasedContacts,
    Kind.FEEDBACK: FeedbackWords,
}
"""What is sealed into a notification of the kind; kinds that are missing have nothing sealed."""


@dataclass(frozen=True)
class Due:
    """A notification that was taken up, as far as writing and delivering need it."""

    id: UUID
    event_id: UUID
    user_id: UUID | None
    kind: Kind
    channel: Channel
    locale: str | None
    rank: int
    address: str | None
    sealed: str | None
    details: dict[str, Any]
    created_at: datetime
    lease: datetime
    tries: int
    handings: int
    domain: str | None
    """Of the address a letter goes to."""
    late: bool
    """Its time is up, or nearly."""
    open_attempt: UUID | None
    """A handing over that nobody finished: its worker died."""
    asked: dict[str, tuple[int, bool, bool]] | None = None
    """By provider of SMS: how many times it was asked, whether it refused for good, whether an answer is unknown."""
    traceparent: str | None = None
    """The trace of what it was made by."""
    has_turn: bool = False
    """It was put off until its turn, which has come."""


@dataclass(frozen=True)
class Sms:
    message_id: str
    to: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Pen:
    """Who writes: the retailer, its sender address, and the key that opens what is sealed."""

    retailer: Retailer
    mail_from: str
    support_address: str
    private_keys: PrivateKeys = field(repr=False)

    def words(self, locale: str | None) -> Words:
        spoken = locale or DEFAULT
        return Words(spoken, catalogue("notifier", spoken), self.retailer)

    def sms(self, due: Due) -> Sms:
        secrets = self._secrets(due)
        return Sms(str(due.id), recipient(due, secrets), SMS_TEXTS[due.kind](self.words(due.locale), secrets))

    def mail(self, due: Due) -> EmailMessage:
        """The same Message-ID and date on every try, so that a server or reader knows a repeat."""
        secrets = self._secrets(due)
        words = self.words(due.locale)
        if isinstance(secrets, FeedbackWords):
            envelope = Envelope(self.mail_from, self.support_address, str(due.id), due.created_at)
            return support_message(secrets, due.details["reference"], words, envelope)
        envelope = Envelope(self.mail_from, recipient(due, secrets), str(due.id), due.created_at)
        return letter_message(LETTERS[due.kind](words, due.details, secrets), words, envelope)

    def _secrets(self, due: Due) -> BaseModel | None:
        if due.kind not in SECRETS:
            return None
        return open_sealed(Event(id=due.event_id, sealed=due.sealed), SECRETS[due.kind], self.private_keys)


def recipient(due: Due, secrets: BaseModel | None) -> str:
    """The only one it is for: sealed with the event, or as the contacts said when it was made."""
    match secrets:
        case verification.CodeSecrets():
            return secrets.phone
        case identity.EmailConfirmationSecrets() | identity.PasswordRecoverySecrets():
            return secrets.email
        case identity.ErasedContacts(email=str(email)):
            return email
        case identity.ChangedContacts(previous=str(previous)) if due.address is None:
            return previous
        case _ if due.address:
            return due.address
    raise ValueError(f"a {due.kind} notification without an address")
