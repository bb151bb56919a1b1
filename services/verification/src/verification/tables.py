"""verification's rows: numbers and addresses are kept only as HMACs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Integer, LargeBinary, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from shared.tables import timestamp


def _times() -> Column[list[datetime]]:
    """When a budget was spent, as far as its window reaches; one row is one lock, so a count of it is exact."""
    return Column(ARRAY(DateTime(timezone=True)), server_default=text("'{}'"), nullable=False)


def _hmac() -> Column[bytes]:
    return Column(LargeBinary, nullable=False)


class Phone(SQLModel, table=True):
    """A number's day: the SMS that went to it, and its wrong tries over all codes (promise 13).

    Its row is the lock under which all is done that concerns the number's codes.
    """

    __tablename__ = "phones"
    __table_args__ = (Index("phones_age", "seen_at"),)

    phone_hmac: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    sent: list[datetime] = Field(sa_column=_times())
    tried: list[datetime] = Field(sa_column=_times())
    released_until: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    """Until then neither its address nor its prefix holds the number up: support let it go."""
    seen_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class Code(SQLModel, table=True):
    """A code that was sent: how often, and whether it was the right one once (promise 13)."""

    __tablename__ = "codes"
    __table_args__ = (Index("codes_age", "created_at"),)

    id: UUID = Field(primary_key=True)
    phone_hmac: bytes = Field(sa_column=_hmac())
    sends: int = Field(default=1, sa_column=Column(Integer, server_default=text("1"), nullable=False))
    verified_at: datetime | None = Field(default=None, sa_column=timestamp(null=True))
    created_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class AskingAddress(SQLModel, table=True):
    """An address's hour (promise 15)."""

    __tablename__ = "asking_addresses"
    __table_args__ = (Index("asking_addresses_age", "touched_at"),)

    address_hmac: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    sent: list[datetime] = Field(sa_column=_times())
    touched_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class Prefix(SQLModel, table=True):
    """A number range's hour: sent against verified (promise 15). It stands open: ten thousand numbers are nobody's."""

    __tablename__ = "prefixes"
    __table_args__ = (Index("prefixes_age", "touched_at"),)

    prefix: str = Field(primary_key=True)
    sent: list[datetime] = Field(sa_column=_times())
    verified: list[datetime] = Field(sa_column=_times())
    touched_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class Permit(SQLModel, table=True):
    """The right to send one SMS once per window: up to as many rows as a country's or the money's limit (promise 15).

    A row each, and not one row that counts, so that no two phones wait for one another.
    """

    __tablename__ = "permits"
    __table_args__ = (Index("permits_free", "rule", "scope", "used_at"),)

    rule: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    used_at: datetime = Field(sa_column=timestamp())


class CodeRefusal(SQLModel, table=True):
    """A code or check that a guard refused, with its rule."""

    __tablename__ = "code_refusals"
    __table_args__ = (
        Index("code_refusals_of_a_phone", "phone_hmac", "refused_at"),
        Index("code_refusals_age", "refused_at"),
    )

    id: UUID = Field(primary_key=True)
    phone_hmac: bytes = Field(sa_column=_hmac())
    rule: str
    refused_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class PhoneAct(SQLModel, table=True):
    """What support did with a number, who and why; kept for good."""

    __tablename__ = "phone_acts"
    __table_args__ = (Index("phone_acts_of_a_phone", "phone_hmac", "done_at"),)

    id: UUID = Field(primary_key=True)
    phone_hmac: bytes = Field(sa_column=_hmac())
    act: str
    """`show` or `release`."""
    done_by: str
    reason: str
    done_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class CodeSend(SQLModel, table=True):
    """Release 0.1 counts its SMS here, and may run beside this one; the next release's migration drops it."""

    __tablename__ = "code_sends"
    __table_args__ = (Index("code_sends_budget", "phone_hmac", "sent_at"),)

    id: UUID = Field(primary_key=True)
    code_id: UUID
    phone_hmac: bytes = Field(sa_column=_hmac())
    sent_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))


class CodeCheck(SQLModel, table=True):
    """Release 0.1 counts its tries here, as in `code_sends`."""

    __tablename__ = "code_checks"
    __table_args__ = (Index("code_checks_budget", "phone_hmac", "checked_at"),)

    id: UUID = Field(primary_key=True)
    code_id: UUID
    phone_hmac: bytes = Field(sa_column=_hmac())
    checked_at: datetime | None = Field(default=None, sa_column=timestamp(default=True))
