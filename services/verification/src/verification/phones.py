"""What support sees of a number, and letting it go; each look and each act is kept with who and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from shared.mandate import Mandate
from verification.budgets import recent
from verification.numbers import Number
from verification.rules import DAY_SECONDS, HOUR_SECONDS
from verification.wired import Wired

RELEASE_SECONDS = HOUR_SECONDS
SHOWN = 20
"""Refusals and acts that are shown, the newest."""


@dataclass(frozen=True)
class Refused:
    refused_at: datetime
    rule: str


@dataclass(frozen=True)
class Act:
    done_at: datetime
    act: str
    done_by: str
    reason: str


@dataclass(frozen=True)
class PhoneState:
    """A number's budgets and what became of its codes."""

    sent: list[datetime]
    """The SMS of the last 24 hours, oldest first."""
    tried: list[datetime]
    """The wrong tries of the last 24 hours."""
    released_until: datetime | None
    """None where it is not released now."""
    prefix_sent: int
    prefix_verified: int
    """Of the number's range in the last hour."""
    refusals: list[Refused]
    refusals_in_all: int
    acts: list[Act]
    """Those before this look."""


async def show(session: AsyncSession, number: Number, mandate: Mandate, wired: Wired) -> PhoneState:
    phone_hmac = wired.keys.hmac("phone", number.e164)
    state = await _state(session, number, phone_hmac)
    await _remember(session, "show", phone_hmac, mandate)
    return state


async def release(session: AsyncSession, number: Number, mandate: Mandate, wired: Wired) -> datetime:
    """Give the number its SMS and tries back, and pass it by address and prefix for an hour; until when.

    Country and money still hold: they guard everybody.
    """
    phone_hmac = wired.keys.hmac("phone", number.e164)
    statement = text(
        "INSERT INTO phones (phone_hmac, released_until) VALUES (:phone, now() + make_interval(secs => :seconds))"
        " ON CONFLICT (phone_hmac) DO UPDATE SET sent = '{}', tried = '{}', seen_at = now(),"
        " released_until = excluded.released_until RETURNING released_until"
    )
    bounds = {"phone": phone_hmac, "seconds": RELEASE_SECONDS}
    until: datetime = (await session.execute(statement, bounds)).scalar_one()
    await _remember(session, "release", phone_hmac, mandate)
    return until


async def _state(session: AsyncSession, number: Number, phone_hmac: bytes) -> PhoneState:
    which = {"phone": phone_hmac, "window": DAY_SECONDS}
    own = f"SELECT {recent('sent')}, {recent('tried')}, released_until, released_until > now() FROM phones"
    phone = (await session.execute(text(f"{own} WHERE phone_hmac = :phone"), which)).first()
    sent, tried, until, released = phone or ([], [], None, False)
    range_ = {"prefix": number.prefix, "window": HOUR_SECONDS}
    counts = f"SELECT cardinality({recent('sent')}), cardinality({recent('verified')}) FROM prefixes"
    prefix = (await session.execute(text(f"{counts} WHERE prefix = :prefix"), range_)).first()
    refusals = text(
        "SELECT refused_at, rule, count(*) OVER () FROM code_refusals WHERE phone_hmac = :phone"
        " ORDER BY refused_at DESC LIMIT :shown"
    )
    refused = (await session.execute(refusals, {"phone": phone_hmac, "shown": SHOWN})).all()
    acts = text(
        "SELECT done_at, act, done_by, reason FROM phone_acts WHERE phone_hmac = :phone"
        " ORDER BY done_at DESC LIMIT :shown"
    )
    done = (await session.execute(acts, {"phone": phone_hmac, "shown": SHOWN})).all()
    return PhoneState(
        sent=sent,
        tried=tried,
        released_until=until if released else None,
        prefix_sent=prefix[0] if prefix else 0,
        prefix_verified=prefix[1] if prefix else 0,
        refusals=[Refused(at, rule) for at, rule, _ in refused],
        refusals_in_all=refused[0][2] if refused else 0,
        acts=[Act(*row) for row in done],
    )


async def _remember(
    session: AsyncSession, act: Literal["show", "release"], phone_hmac: bytes, mandate: Mandate
) -> None:
    statement = text(
        "INSERT INTO phone_acts (id, phone_hmac, act, done_by, reason) VALUES (:id, :phone, :act, :by, :reason)"
    )
    row = {"id": uuid7(), "phone": phone_hmac, "act": act, "by": mandate.by, "reason": mandate.reason}
    await session.execute(statement, row)
