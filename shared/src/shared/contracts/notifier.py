"""What the notifier says, on `notifier.events`, keyed by the notification; a receipt of erasure by the user."""

from typing import Literal
from uuid import UUID

from shared.events import Event

TOPIC = "notifier.events"


class FeedbackReceived(Event):
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
    kind: str
    channel: Literal["email", "sms"]


class NotificationSent(NotificationEvent):
    type = "notifier.notification_sent.v1"


class NotificationFailed(NotificationEvent):
    type = "notifier.notification_failed.v1"

    reason: Literal["rejected", "expired", "unknown"]


class UserDataErased(Event):
    type = "notifier.user_data_erased.v1"
    topic = TOPIC
    keyed_by = "user_id"

    user_id: UUID
