"""Rows of identity: who has an account here, and who still has one in the old portal."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
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

    `purpose`: `registration`, `migration`, `recovery`, `ticket`. The user may be a legacy one who has not moved yet.
    """

    __tablename__ = "one_time_tokens"
    __table_args__ = (Index("one_time_tokens_user", "user_id", "purpose", "created_at"),)

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
    """`registration` or `recovery`."""
    subject_hmac: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    encrypted_subject: str | None = None
    locale: str
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
    decided_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))


class Guess(SQLModel, table=True):
    """A password that is being tried, written before it is hashed and taken back if it was right."""

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
