"""Rows of identity: who has an account here, and who still has one in the old portal."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from shared.tables import timestamp


class User(SQLModel, table=True):
    """A person with a login: from the registration on, or from the first right password of the old portal.

    `status`: `awaiting_email` (dies unconfirmed), `active`, `blocked`.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("users_one_per_login", "login_key", unique=True),
        Index("users_email", text("lower(email)")),
        Index("users_unconfirmed", "created_at", postgresql_where=text("status = 'awaiting_email'")),
    )

    id: UUID = Field(primary_key=True)
    login: str
    login_key: str
    """The login after NFKC and case folding."""
    status: str
    password_hash: str
    password_weak: bool = False
    email: str | None = None
    email_confirmed_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    email_problem: str | None = None
    pending_email: str | None = None
    """The address that waits for its confirmation, while `email` stays in use."""
    phone: str | None = None
    phone_confirmed_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    locale: str = "ru"
    origin: str
    """`registered` or `migrated`."""
    consents: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False, server_default="[]"))
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class PhoneProof(SQLModel, table=True):
    """A phone proof that was shown here: how many tries it bore, and whether it is spent."""

    __tablename__ = "phone_proofs"

    jti: UUID = Field(primary_key=True)
    tries: int = 1
    spent_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    expires_at: datetime = Field(sa_column=timestamp())


class OneTimeToken(SQLModel, table=True):
    """A link in a letter or a ticket of a login, by its HMAC; used once, by a conditional update.

    `purpose`: `registration`, `migration`, `email_change`, `reversal` (with the address that it brings back),
    `recovery`, `ticket`. The user may be a legacy one who has not moved yet.
    """

    __tablename__ = "one_time_tokens"
    __table_args__ = (
        Index("one_time_tokens_user", "user_id", "purpose", "created_at"),
        Index("one_time_tokens_age", "expires_at"),
    )

    token_hmac: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    purpose: str
    user_id: UUID
    email: str | None = None
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    expires_at: datetime = Field(sa_column=timestamp())
    used_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))


class LetterRequest(SQLModel, table=True):
    """Somebody asked for a letter: the same row whoever exists. The worker looks up, decides and erases the subject."""

    __tablename__ = "letter_requests"
    __table_args__ = (
        Index("letter_requests_budget", "subject_hmac", "created_at"),
        Index("letter_requests_waiting", "created_at", postgresql_where=text("decided_at IS NULL")),
    )

    id: UUID = Field(primary_key=True)
    purpose: str
    """`registration`, `email_change` or `recovery`; `address` counts a letter that nobody asked for."""
    subject_hmac: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    encrypted_subject: str | None = None
    locale: str
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    decided_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    traceparent: str | None = None
    """The trace of the request, to which the letter belongs (W3C)."""


class Guess(SQLModel, table=True):
    """A password that is being tried, as release 0.1.0 counts them, which may still run beside this one.

    `GuessCounter` took its place; the table goes with a later release.
    """

    __tablename__ = "guesses"
    __table_args__ = (
        Index("guesses_of_a_login", "login_hmac", "guessed_at"),
        Index("guesses_from_an_address", "address_hmac", "guessed_at"),
    )

    id: UUID = Field(primary_key=True)
    login_hmac: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    address_hmac: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    right: bool = False
    """A right one counts for its address, and no more for its login."""
    guessed_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class Session(SQLModel, table=True):
    """A sign-in. Its refresh token is derived from its id and counter, so none is stored."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_of_a_user", "user_id", postgresql_where=text("ended_at IS NULL")),)

    id: UUID = Field(primary_key=True)
    user_id: UUID
    counter: int = 0
    rotated_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    last_seen_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    ended_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    user_agent: str | None = None
    address: str | None = None
    device_id: UUID | None = None


class Device(SQLModel, table=True):
    """A device on which the user has signed in before."""

    __tablename__ = "devices"
    __table_args__ = (Index("devices_of_a_user", "user_id"),)

    id: UUID = Field(primary_key=True)
    user_id: UUID
    seen_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class LegacyUser(SQLModel, table=True):
    """Somebody of the old portal who has not moved yet. The first right password deletes the row and leaves a mark.

    `id` becomes the user's. The hash is encrypted (`old_credentials`); `hash_kind` names its scheme and cost
    (`bcrypt:10`).
    """

    __tablename__ = "legacy_users"

    id: UUID = Field(primary_key=True)
    account_number: str = Field(unique=True)
    hash_kind: str
    encrypted_hash: str
    email: str | None = None
    phone: str | None = None
    credentials_as_of: date
    imported_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class LegacyMark(SQLModel, table=True):
    """An account number, as an HMAC, whose old credential opens nothing any more, whatever is imported later."""

    __tablename__ = "legacy_marks"

    number_hmac: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    marked_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class HistoryEntry(SQLModel, table=True):
    """What happened to a user's account, for the user to read: sign-ins, changes, consents."""

    __tablename__ = "history_entries"
    __table_args__ = (
        Index("history_entries_of_a_user", "user_id", "id"),
        Index("history_entries_sign_ins", "at", postgresql_where=text("kind = 'signed_in'")),
        Index(
            "history_entries_legacy_logins",
            text("(details ->> 'account_number')"),
            postgresql_where=text("kind = 'legacy_login_added'"),
        ),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID
    kind: str
    """Such as `signed_in` or `password_changed`; `history.Kind` has them all."""
    details: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))
    """What the reader is shown beside it; contacts are masked."""
    at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class Erasure(SQLModel, table=True):
    """A user who is gone here, and is being erased elsewhere; complete when every service's receipt has come."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index("erasures_open", "requested_at", postgresql_where=text("completed_at IS NULL")),
        Index("erasures_complete", "completed_at", postgresql_where=text("completed_at IS NOT NULL")),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(unique=True)
    requested_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    completed_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))


class ErasureReceipt(SQLModel, table=True):
    """A service's word that nothing of the user is left in it."""

    __tablename__ = "erasure_receipts"

    user_id: UUID = Field(primary_key=True)
    service: str = Field(primary_key=True)
    received_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class UserAct(SQLModel, table=True):
    """What support did or looked at, who, and why."""

    __tablename__ = "user_acts"
    __table_args__ = (Index("user_acts_on_a_user", "user_id", "id"),)

    id: UUID = Field(primary_key=True)
    user_id: UUID
    act: str
    done_by: str
    reason: str
    done_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class GuessCounter(SQLModel, table=True):
    """Guesses at passwords: one row per login, per known device of a login, per address (`guessing`)."""

    __tablename__ = "guess_counters"

    subject_hmac: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    """Of the login, whether or not it exists, or of the address."""
    device_hmac: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    """Of the known device; empty: every other device, or an address."""
    guessed_at: list[datetime] = Field(sa_column=Column(ARRAY(DateTime(timezone=True)), nullable=False))
    """The guesses of the window that have not turned out right; an address keeps the right ones too."""
    in_a_row: int = 0
    """Wrong ones since the last right one, however long ago; of an address always 0."""
    last_at: datetime = Field(sa_column=timestamp())


class OldHashKind(SQLModel, table=True):
    """How many people of the old portal have a hash of this scheme and cost, and how many had one and moved."""

    __tablename__ = "old_hash_kinds"

    kind: str = Field(primary_key=True)
    waiting: int = Field(sa_column=Column(BigInteger, nullable=False))
    moved: int = Field(sa_column=Column(BigInteger, nullable=False))
