"""verification's rows: numbers are kept only as HMACs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from shared.tables import timestamp


class Phone(SQLModel, table=True):
    """A number that codes were asked for; its row is the lock under which its budgets are counted."""

    __tablename__ = "phones"

    phone_hmac: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    seen_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class CodeSend(SQLModel, table=True):
    """An SMS that was asked for."""

    __tablename__ = "code_sends"
    __table_args__ = (Index("code_sends_budget", "phone_hmac", "sent_at"),)

    id: UUID = Field(primary_key=True)
    code_id: UUID
    phone_hmac: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sent_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class CodeCheck(SQLModel, table=True):
    """A try at a code, written before it is judged and taken back if it was right."""

    __tablename__ = "code_checks"
    __table_args__ = (Index("code_checks_budget", "phone_hmac", "checked_at"),)

    id: UUID = Field(primary_key=True)
    code_id: UUID
    phone_hmac: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    checked_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
