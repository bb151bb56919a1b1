"""What the notifier says, on `notifier.events`, keyed by the notification; a receipt of erasure by the user."""

from typing import Literal
from uuid import UUID

from shared.events import Event

TOPIC = "notifier.events"


class FeedbackReceived(Event):
    """Somebody wrote to support; the words travel nowhere but in support's letter."""

    type = "notifier.feedback_received.v1"
    topic = TOPIC
    keyed_by = "notification_id"

    notification_id: UUID
    feedback_topic: Literal["registration", "login", "linking", "other"]


class NotificationEvent(Event):
    topic = TOPIC
    keyed_by = "notification_id"

    notification_id: UUID
    user_id: UUID | None = None
    """Absent where no user is known, as for a code before registration."""
    kind: str
    """What it was about, such as `registration_code` or `account_linked`; new kinds may come."""
    channel: Literal["email", "sms"]


class NotificationSent(NotificationEvent):
    """A letter or SMS was handed over to the mail server or the operator."""

    type = "notifier.notification_sent.v1"


class NotificationFailed(NotificationEvent):
    """A letter or SMS was not handed over, or nobody knows whether it was."""

    type = "notifier.notification_failed.v1"

    reason: Literal["rejected", "expired", "unknown"]
    """`rejected`: the address was refused; `expired`: too late to be of use; `unknown`: no answer came."""


class UserDataErased(Event):
    """The notifier's receipt: no contact, message or secret of the user is left in it."""

    type = "notifier.user_data_erased.v1"
    topic = TOPIC
    keyed_by = "user_id"

    user_id: UUID
