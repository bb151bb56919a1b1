"""Rows of the notifier: where its readers can be reached, what they are told, and each attempt to tell it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.tables import timestamp


class Contacts(SQLModel, table=True):
    """A copy of what identity says of a user; `as_of` is the event it comes from, and a later one has a greater id."""

    __tablename__ = "contacts"

    user_id: UUID = Field(primary_key=True)
    email: str | None = None
    phone: str | None = None
    locale: str
    as_of: UUID


class Notification(SQLModel, table=True):
    """One message to one reader, made by one event. Address and secrets rest here only until it ends.

    `due_at` is also the lease: who takes a row up moves it on, so a row whose worker hangs becomes due again; what a
    dead worker held is found by `held_by` and given back much sooner.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index(
            "notifications_once_per_event",
            *("event_id", "kind", "channel", "user_id"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("notifications_due", "channel", "rank", "due_at", postgresql_where=text("status = 'queued'")),
        Index("notifications_held", "held_by", postgresql_where=text("status = 'queued' AND held_by IS NOT NULL")),
        Index("notifications_waiting", "user_id", postgresql_where=text("status = 'waiting'")),
        Index("notifications_waiting_until", "expires_at", postgresql_where=text("status = 'waiting'")),
        Index("notifications_of_user", "user_id", "id"),
        Index("notifications_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
        CheckConstraint("(status IN ('queued', 'waiting')) = (ended_at IS NULL)", name="notifications_end_is_an_end"),
        CheckConstraint(
            "ended_at IS NULL OR (address IS NULL AND sealed IS NULL)", name="notifications_wiped_at_the_end"
        ),
    )

    id: UUID = Field(primary_key=True)
    event_id: UUID
    user_id: UUID | None = None
    kind: str
    channel: str
    locale: str | None = None
    """Known with the contacts, where the event does not say it."""
    rank: int = Field(sa_column=Column(SmallInteger, nullable=False))
    """0: a code; 1: a link; 2: a notice. Smaller ones go first."""
    status: str
    address: str | None = None
    """Only where the sealed part does not hold it."""
    masked_address: str | None = None
    sealed: str | None = None
    """The event's JWE as it came, or one of our own; opened when the message is written, never stored open."""
    details: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    expires_at: datetime = Field(sa_column=timestamp())
    due_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    tries: int = 0
    handings: int = 0
    held_by: int | None = None
    """The place of the worker that has taken it up."""
    has_turn: bool = Field(default=False, sa_column=Column(Boolean, server_default=text("false"), nullable=False))
    """It was put off until its turn at its mail domain, and takes no second one when that has come."""
    ended_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    traceparent: str | None = None
    """The trace of the request or event that it was made by (W3C)."""


class Attempt(SQLModel, table=True):
    """One handing over, on record before the first byte of the message leaves; no outcome: it is going on, or died."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index("attempts_one_at_a_time", "notification_id", unique=True, postgresql_where=text("outcome IS NULL")),
        Index("attempts_of_notification", "notification_id"),
    )

    id: UUID = Field(primary_key=True)
    notification_id: UUID = Field(sa_column=Column(ForeignKey("notifications.id", ondelete="CASCADE"), nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    finished_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    outcome: str | None = None
    code: str | None = None
    """The server's reply code; never its text."""
    provider: str | None = None
    """Of an SMS."""
    repeatable: bool = Field(default=False, sa_column=Column(Boolean, server_default=text("false"), nullable=False))
    """Whether the provider knows a repeat again, so that it would be the same SMS."""
    receipt: str | None = None
    """What the provider told later: `delivered` or `undelivered`."""
    receipt_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))


class FeedbackMessage(SQLModel, table=True):
    """That somebody wrote, under which reference; the words rest sealed in the notification until they are sent."""

    __tablename__ = "feedback_messages"

    reference: str = Field(primary_key=True)
    event_id: UUID
    """The one that its notifications were made by."""
    topic: str
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class ReceiptDay(SQLModel, table=True):
    """How many receipts an address got on one day (UTC), or messages came from a client; who, is an HMAC with its key's
    name before it."""

    __tablename__ = "receipt_days"

    sender: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    sent: int


class ErasedReader(SQLModel, table=True):
    """A user who was erased: whatever still comes about them tells nobody anything."""

    __tablename__ = "erased_readers"

    user_id: UUID = Field(primary_key=True)


class SuppressedAddress(SQLModel, table=True):
    """An e-mail address that a server refused for good: notices to it are not tried. Kept as an HMAC."""

    __tablename__ = "suppressed_addresses"

    address: str = Field(primary_key=True)
    code: str
    since: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class Turn(SQLModel, table=True):
    """When the next message may go to a mail domain or a provider, whichever worker sends it."""

    __tablename__ = "turns"

    name: str = Field(primary_key=True)
    next_at: datetime = Field(sa_column=timestamp())


class NotificationAct(SQLModel, table=True):
    """What support looked at or did, who it was and why."""

    __tablename__ = "notification_acts"

    id: UUID = Field(primary_key=True)
    notification_id: UUID | None = None
    user_id: UUID | None = None
    """Whose notifications; of an erased user no reason is kept, as it may name them."""
    act: str
    told_as: UUID | None = None
    """The new notification that tells an ended one again."""
    by: str
    reason: str
    at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
