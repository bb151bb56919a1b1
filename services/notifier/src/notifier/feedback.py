"""Feedback: a message for support with a reference, and a receipt for whoever wrote it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import randbelow
from typing import ClassVar, get_args
from uuid import UUID

import phonenumbers
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notifier import rules
from notifier.feedback_words import FeedbackWords, Topic, tidy
from notifier.notifying import Bells, News, tell
from notifier.rendering import NotOneAddress, one_address
from notifier.rules import Kind
from shared.contacts import mask_email
from shared.contracts.notifier import FeedbackReceived
from shared.events import Event
from shared.keys import PrivateKeys, PublicKeys
from shared.languages import DEFAULT, _
from shared.outbox import publish
from shared.refusals import InvalidFields, Refusal
from shared.sealed import seal

NAME_LETTERS = 100
MESSAGE_LETTERS = 4000


class TopicUnknown(Refusal):
    field: ClassVar[str | None] = "topic"
    code = "topic-unknown"
    detail = _("Choose a topic.")


class MessageMissing(Refusal):
    field: ClassVar[str | None] = "message"
    code = "message-missing"
    detail = _("Tell us what happened.")


class MessageTooLong(Refusal):
    field: ClassVar[str | None] = "message"
    code = "message-too-long"
    detail = _("The message is longer than 4,000 characters.")


class NameInvalid(Refusal):
    field: ClassVar[str | None] = "name"
    code = "name-invalid"
    detail = _("Enter a name of at most 100 characters, on one line.")


class ReplyToInvalid(Refusal):
    """Two addresses, or a line end, would write to somebody else in our name."""

    field: ClassVar[str | None] = "reply_to"
    code = "email-invalid"
    detail = _("Enter an e-mail for the answer, for example name@mail.ru.")


class AccountNumberInvalid(Refusal):
    field: ClassVar[str | None] = "account_number"
    code = "account-number-invalid"
    detail = _("Check the account number: it has 5 to 14 digits.")


class PhoneInvalid(Refusal):
    field: ClassVar[str | None] = "phone"
    code = "phone-invalid"
    detail = _("Check the number, for example +7 912 345-67-89.")


class TooManyMessages(Refusal):
    """Of one client address in a day: nobody floods support through us."""

    status: ClassVar[int] = 429
    code = "too-many-messages"
    detail = _("Many messages came from you today. Write again tomorrow, or call us.")


@dataclass(frozen=True)
class Form:
    """What somebody typed, as it came."""

    name: str
    reply_to: str
    topic: str
    message: str
    account_number: str | None = None
    phone: str | None = None


def read(form: Form) -> FeedbackWords:
    """The form as it will be sent; `InvalidFields` names everything that is wrong with it, in its order."""
    refused: list[Refusal] = []
    message = tidy(form.message).strip()
    account_number = re.sub(r"[ \u00a0-]", "", form.account_number or "")
    if form.topic not in get_args(Topic):
        refused.append(TopicUnknown())
    if not message or len(message) > MESSAGE_LETTERS:
        refused.append(MessageTooLong() if message else MessageMissing())
    if len(form.name.strip()) > NAME_LETTERS or not rules.may_head(form.name):
        refused.append(NameInvalid())
    reply_to = _one_address(form.reply_to.strip())
    if reply_to is None:
        refused.append(ReplyToInvalid())
    if account_number and not re.fullmatch(r"[0-9]{5,14}", account_number):
        refused.append(AccountNumberInvalid())
    phone = _e164(form.phone) if form.phone and form.phone.strip() else None
    if phone == "":
        refused.append(PhoneInvalid())
    if refused:
        raise InvalidFields(*refused)
    values = {"name": form.name.strip(), "reply_to": reply_to, "topic": form.topic, "message": message}
    return FeedbackWords.model_validate({**values, "account_number": account_number or None, "phone": phone})


def _one_address(text: str) -> str | None:
    try:
        return one_address(text).addr_spec
    except NotOneAddress:
        return None


def _e164(text: str) -> str:
    """The number as it is dialled, or nothing where it is none."""
    try:
        number = phonenumbers.parse(text, "RU")
    except phonenumbers.NumberParseException:
        return ""
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if valid else ""


@dataclass(frozen=True)
class FeedbackDesk:
    private_keys: PrivateKeys
    public_keys: PublicKeys
    bells: Bells
    support_address: str
    receipts_a_day: int = rules.RECEIPTS_A_DAY
    messages_a_day: int = rules.MESSAGES_A_DAY
    """Of one client address."""


async def receive(session: AsyncSession, form: Form, client: str, locale: str, desk: FeedbackDesk) -> str:
    """Take the message over and answer its reference. The words rest sealed until support has them.

    `client` is the address it comes from, as it is counted.
    """
    words, cause = read(form), Event()
    if not await _counted(session, "feedback client", client, desk.messages_a_day, desk):
        raise TooManyMessages(retry_after=await session.scalar(_UNTIL_TOMORROW))
    reference = await _new_reference(session, words.topic, cause.id)
    expires_at = datetime.now(UTC) + rules.FEEDBACK_LIFE
    to_support = News(
        cause,
        Kind.FEEDBACK,
        expires_at,
        details={"reference": reference},
        locale=DEFAULT,
        masked_address=mask_email(desk.support_address),
        sealed=seal(cause, words, desk.public_keys),
    )
    notification_id = await tell(session, to_support, desk.bells)
    assert notification_id is not None, "a new event's id is new"
    # Strangers must not be able to fill somebody's mailbox through us.
    if await _counted(session, "receipt sender", words.reply_to.casefold(), desk.receipts_a_day, desk):
        receipt = News(
            cause,
            Kind.FEEDBACK_RECEIPT,
            expires_at,
            details={"reference": reference},
            locale=locale,
            address=words.reply_to,
            masked_address=mask_email(words.reply_to),
        )
        await tell(session, receipt, desk.bells)
    publish(session, FeedbackReceived(notification_id=notification_id, feedback_topic=words.topic))
    return reference


_TAKE_REFERENCE = text("""
    INSERT INTO feedback_messages (reference, event_id, topic) VALUES (:reference, :event_id, :topic)
    ON CONFLICT DO NOTHING RETURNING reference
""")


async def _new_reference(session: AsyncSession, topic: str, event_id: UUID) -> str:
    """One of 729 million that nobody has yet."""
    while True:
        values = {"reference": rules.reference(randbelow(rules.REFERENCES)), "topic": topic, "event_id": event_id}
        if (taken := await session.scalar(_TAKE_REFERENCE, values)) is not None:
            return str(taken)


_UNTIL_TOMORROW = text("""
    SELECT ceil(extract(epoch FROM date_trunc('day', now(), 'UTC') + interval '1 day' - now()))::integer
""")
_COUNT = text("""
    INSERT INTO receipt_days AS today (sender, day, sent) VALUES (:sender, (now() AT TIME ZONE 'UTC')::date, 1)
    ON CONFLICT (sender, day) DO UPDATE SET sent = today.sent + 1 WHERE today.sent < :limit
    RETURNING sent
""")


async def _counted(session: AsyncSession, label: str, subject: str, limit: int, desk: FeedbackDesk) -> bool:
    """Count one more of today's for the subject, kept as an HMAC; false where there were as many as the limit."""
    key_name, _secret = desk.private_keys.secret("hmac")
    sender = f"{key_name}:{desk.private_keys.hmac(label, subject).hex()}"
    counted = await session.scalar(_COUNT, {"sender": sender, "limit": limit})
    return counted is not None
