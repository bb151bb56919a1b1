"""Rows of identity: who has an account here, and who still has one in the old portal."""

from datetime import date, datetime
from uuid import UUID

from shared.tables import timestamp
from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel


class LegacyUser(SQLModel, table=True):
    """Somebody of the old portal who has not moved yet. The first right password deletes the row and leaves a mark.

    `id` becomes the user's. The hash is encrypted (`old_credentials`); `hash_key` names the key, `hash_kind` the
    scheme and cost (`bcrypt:10`).
    """

    __tablename__ = "legacy_users"

    id: UUID = Field(primary_key=True)
    account_number: str = Field(unique=True)
    hash_key: str
    hash_kind: str
    encrypted_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    email: str | None = None
    phone: str | None = None
    credentials_as_of: date
    imported_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class LegacyMark(SQLModel, table=True):
    """An account number, as an HMAC, whose old credential opens nothing any more, whatever is imported later."""

    __tablename__ = "legacy_marks"

    number_hmac: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    marked_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
