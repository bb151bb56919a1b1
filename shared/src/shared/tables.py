"""The kernel's rows: every service's database has them beside its own."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

NOW = text("now()")


def timestamp(*, default: bool = False, null: bool = False) -> Column[datetime]:
    """A timestamptz column; with `default` the database's own clock fills it."""
    return Column(DateTime(timezone=True), server_default=NOW if default else None, nullable=null)


class OutboxRow(SQLModel, table=True):
    """An event as it will go on the wire, written in the transaction of the change that it tells of."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "outbox_unsent",
            "id",
            postgresql_where=text("sent_at IS NULL AND refused_at IS NULL"),
        ),
        Index(
            "outbox_refused_keys",
            "topic",
            "key",
            postgresql_where=text("refused_at IS NOT NULL AND sent_at IS NULL"),
        ),
        Index("outbox_sent", "sent_at", postgresql_where=text("sent_at IS NOT NULL")),
    )

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger, Identity(always=True), primary_key=True),
    )
    event_id: UUID
    topic: str
    key: str
    headers: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    sent_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    refused_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    refusal: str | None = None


class DroppedEvent(SQLModel, table=True):
    """An event that could not be sent and was given up, with who did it and why; what was behind it goes on."""

    __tablename__ = "dropped_events"

    outbox_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    event_id: UUID
    topic: str
    key: str
    headers: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=timestamp())
    refusal: str
    reason: str
    dropped_by: str
    dropped_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class InboxRow(SQLModel, table=True):
    """An event whose effect is in this database, remembered longer than its topic keeps it."""

    __tablename__ = "inbox"
    __table_args__ = (Index("inbox_age", "received_at"),)

    event_id: UUID = Field(primary_key=True)
    received_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class Delivery(SQLModel, table=True):
    """A batch (or, `alone`, one record) that is being handled now; found after a crash, it counts the tries."""

    __tablename__ = "deliveries"

    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    alone: bool = Field(primary_key=True)
    tries: int = 1
    counted_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class DeadLetter(SQLModel, table=True):
    """A record set aside, with its bytes, position and cause; what follows under its key waits behind it, in order."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index(
            "dead_letters_waiting",
            "topic",
            "key",
            "number",
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index(
            "dead_letters_resolved",
            "resolved_at",
            "resolution",
            postgresql_where=text("resolved_at IS NOT NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    number: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    """The order of parking, per key that of commits. An offset is no order: a Kafka that lost its data begins anew."""
    topic: str
    partition: int
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    key: str
    type: str
    event_id: UUID
    headers: list[list[str | None]] = Field(sa_column=Column(JSONB, nullable=False))
    """Name and base64 of the value (or null), so that any bytes come back as they were."""
    value: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    cause: str
    parked_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    resolved_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    resolution: str | None = None
    """`replayed` or `dropped`."""
    reason: str | None = None
    resolved_by: str | None = None
    failed_replays: int = Field(default=0, sa_column=Column(Integer, server_default=text("0"), nullable=False))
    last_failed_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    last_failure: str | None = None


class IdempotentAnswer(SQLModel, table=True):
    """The answer to a call with an Idempotency-Key, written in the transaction of its effect."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (Index("idempotent_answers_age", "answered_at"),)

    scope: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    status: int
    headers: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    answer: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answered_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class EndedSession(SQLModel, table=True):
    """A session whose access tokens are refused although they have not run out yet."""

    __tablename__ = "ended_sessions"
    __table_args__ = (Index("ended_sessions_age", "until"),)

    session_id: UUID = Field(primary_key=True)
    until: datetime = Field(sa_column=timestamp())
