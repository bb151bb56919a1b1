"""Events that the notifier hears, ready to be told, and a look at what became of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from shared.contracts import identity as said
from shared.contracts.billing_link import AccountLinked, AccountUnlinked, LinkRefused
from shared.contracts.verification import CodeRequested, CodeSecrets
from shared.events import Event
from tests.kit import Running, eventually

TOKEN = "q3Zk8vJm2RtY7cXw0LpNs5hB1uFdEoGa"
Told = tuple[Event, Any]


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def code(seconds: float = 600, phone: str = "+79123456789", digits: str = "12345", locale: Any = "ru") -> Told:
    event = CodeRequested(
        code_id=uuid7(), purpose="registration", send=1, expires_at=in_seconds(seconds), locale=locale
    )
    return event, CodeSecrets(phone=phone, code=digits)


def confirmation(user_id: UUID, email: str = "petrova@mail.ru", seconds: float = 86400) -> Told:
    event = said.EmailConfirmationRequested(
        user_id=user_id, purpose="registration", expires_at=in_seconds(seconds), locale="ru"
    )
    return event, said.EmailConfirmationSecrets(email=email, login="petrova", token=TOKEN)


def recovery(user_id: UUID, email: str = "petrova@mail.ru") -> Told:
    event = said.PasswordRecoveryRequested(user_id=user_id, expires_at=in_seconds(3600), locale="ru")
    return event, said.PasswordRecoverySecrets(email=email, login="petrova", token=TOKEN)


def registered(
    user_id: UUID, email: str | None = "petrova@mail.ru", phone: str | None = "+79123456789", locale: Any = "ru"
) -> Told:
    event = said.UserRegistered(user_id=user_id, origin="registered", locale=locale)
    return event, said.RegisteredContacts(login="petrova", email=email, phone=phone)


def stated(user_id: UUID, email: str | None, locale: Any = "ru") -> Told:
    return said.UserStated(user_id=user_id, locale=locale), said.RegisteredContacts(login="petrova", email=email)


def email_changed(user_id: UUID, email: str, previous: str | None) -> Told:
    secrets = said.ChangedContacts(email=email, previous=previous, reversal_token=TOKEN if previous else None)
    return said.ContactChanged(user_id=user_id, what="email", locale="ru"), secrets


def phone_changed(user_id: UUID, phone: str, previous: str | None) -> Told:
    secrets = said.ChangedContacts(phone=phone, previous=previous)
    return said.ContactChanged(user_id=user_id, what="phone", locale="ru"), secrets


def locale_changed(user_id: UUID, locale: Any) -> Event:
    return said.ContactChanged(user_id=user_id, what="locale", locale=locale)


def signed_in(user_id: UUID, known_device: bool = False) -> Told:
    event = said.SessionStarted(user_id=user_id, session_id=uuid7(), known_device=known_device)
    return event, said.SessionOrigin(address="192.0.2.7", user_agent="Mozilla/5.0 (Linux; Android 14) Chrome/130.0")


def password_changed(user_id: UUID) -> Event:
    return said.PasswordChanged(user_id=user_id, reason="changed")


def linked(user_id: UUID, others: Sequence[UUID] = ()) -> Event:
    return AccountLinked(
        user_id=user_id,
        account_number="67123456",
        link_id=uuid7(),
        origin="amount",
        linked_at=datetime.now(UTC),
        other_holders=list(others),
    )


def refused(user_id: UUID, minutes: float) -> Event:
    return LinkRefused(
        user_id=user_id,
        account_number="67123456",
        request_id=uuid7(),
        refusal="not-confirmed",
        requested_at=in_seconds(-60 * minutes),
    )


def unlinked(user_id: UUID, reason: Any) -> Event:
    return AccountUnlinked(user_id=user_id, account_number="67123456", link_id=uuid7(), reason=reason)


def erased(user_id: UUID, email: str | None = "petrova@mail.ru") -> Told:
    return said.UserErased(user_id=user_id), said.ErasedContacts(email=email)


async def notifications(running: Running) -> list[Any]:
    return await running.rows("SELECT * FROM notifications ORDER BY id")


async def now_ended(running: Running, count: int) -> list[Any]:
    """The notifications that have ended, if they are so many."""
    rows = await running.rows("SELECT * FROM notifications WHERE ended_at IS NOT NULL ORDER BY id")
    return rows if len(rows) >= count else []


async def ended(running: Running, count: int = 1) -> list[Any]:
    """The notifications, once so many have ended."""
    return await eventually(lambda: now_ended(running, count))
