"""Rows of billing-link: what billing told of accounts, and who holds which."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.tables import timestamp


class ContractRow(SQLModel, table=True):
    """One contract of an account. A file and an event each own their columns and their own age of what they said."""

    __tablename__ = "contracts"

    account_number: str = Field(primary_key=True)
    opened_on: date = Field(primary_key=True)
    address: str
    address_as_of: datetime = Field(sa_column=timestamp())
    closed_on: date | None = None
    """As a file says; what an event says of a closing stands in `closings`."""
    closed_as_of: datetime | None = Field(default=None, sa_column=timestamp(null=True))


class ClosingRow(SQLModel, table=True):
    """An event said that the account was closed on that day; which contract that ended is decided by the rules."""

    __tablename__ = "closings"

    account_number: str = Field(primary_key=True)
    closed_on: date = Field(primary_key=True)


class PaymentRow(SQLModel, table=True):
    """One payment as billing booked it. A reversal that came before its payment is a row without an amount."""

    __tablename__ = "payments"
    __table_args__ = (Index("payments_of_account_by_day", "account_number", "paid_on"),)

    payment_id: str = Field(primary_key=True)
    account_number: str
    kopecks: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    paid_on: date | None = None
    service: str | None = None
    reversed_on: date | None = None
    """Once set it stays: a payment that was taken back never confirms again."""
    as_of: datetime | None = Field(default=None, sa_column=timestamp(null=True))


class LinkRequest(SQLModel, table=True):
    """Somebody asked for an account. The row is the same whether or not the account exists."""

    __tablename__ = "link_requests"
    __table_args__ = (
        Index(
            "link_requests_one_pending",
            "user_id",
            "account_number",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
        Index("link_requests_of_user", "user_id", "id"),
        Index("link_requests_undecided", "created_at", postgresql_where=text("status = 'pending'")),
        CheckConstraint("(status = 'pending') = (kopecks IS NOT NULL)", name="link_requests_amount_only_while_pending"),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID
    account_number: str
    kopecks: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    """What was typed; erased by the decision."""
    account_spent: bool = False
    """The account had been tried too often when this was asked: it is refused, whatever the amount."""
    status: str = "pending"
    refusal: str | None = None
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    decided_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))


class Link(SQLModel, table=True):
    """One user's hold on one account, from `linked_at` until `ended_at`."""

    __tablename__ = "links"
    __table_args__ = (
        Index("links_one_active", "user_id", "account_number", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("links_active_of_account", "account_number", postgresql_where=text("ended_at IS NULL")),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID
    account_number: str
    origin: str
    alias: str = ""
    evidence_on: date
    """The day of what proved it (payment, old credentials): the link ends with a contract that began later."""
    linked_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    ended_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    end_reason: str | None = None


class LinkWish(SQLModel, table=True):
    """Somebody came from the old portal before billing told of the account: it is judged when it becomes known."""

    __tablename__ = "link_wishes"
    __table_args__ = (Index("link_wishes_of_account", "account_number"),)

    user_id: UUID = Field(primary_key=True)
    account_number: str = Field(primary_key=True)
    credentials_as_of: date


class LinkAttempt(SQLModel, table=True):
    """One request counted against one subject's limit: `account`, `user`, `address` (an HMAC of it) or `all`."""

    __tablename__ = "link_attempts"
    __table_args__ = (
        Index("link_attempts_of_subject", "subject", "key", "charged_at"),
        Index("link_attempts_age", "charged_at"),
    )

    request_id: UUID = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    key: str
    charged_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class ErasedHolder(SQLModel, table=True):
    """A user who was erased: whatever still comes about them changes nothing."""

    __tablename__ = "erased_holders"

    user_id: UUID = Field(primary_key=True)


class Objection(SQLModel, table=True):
    """An earlier holder ended the user's link: later requests by amount are refused, until a new contract begins."""

    __tablename__ = "objections"

    user_id: UUID = Field(primary_key=True)
    account_number: str = Field(primary_key=True)
    link_id: UUID
    """The link that it ended."""
    objected_by: UUID | None = None
    """Whoever objected; nobody once they are erased."""
    objected_on: date


class LinkAct(SQLModel, table=True):
    """What support did or looked at, who, and why; kept for good."""

    __tablename__ = "link_acts"
    __table_args__ = (Index("link_acts_on_an_account", "account_number", "id"),)

    id: UUID = Field(primary_key=True)
    act: str
    account_number: str | None = None
    user_id: UUID | None = None
    link_id: UUID | None = None
    done_by: str
    reason: str
    done_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class FrequentAmount(SQLModel, table=True):
    """An amount and the share of accounts that it would link, as the last computation of the guess bound found it."""

    __tablename__ = "frequent_amounts"

    kopecks: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    share: float


class GuessBoundRow(SQLModel, table=True):
    """What guessing could win by the payments of that moment and the limits of then; one row per computation."""

    __tablename__ = "guess_bounds"

    computed_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    id: UUID = Field(primary_key=True)
    accounts: int = Field(sa_column=Column(BigInteger, nullable=False))
    per_account: float
    per_user_day: float
    per_address_day: float
    links_per_day: float
    classes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
