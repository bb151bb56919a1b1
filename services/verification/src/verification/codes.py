"""Codes: asking for one, having it sent again, checking it. No code is stored: it is derived from its id."""

import hmac
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from shared import context
from shared.contracts.verification import CodeRequested, CodeSecrets, PhoneVerified, Purpose
from shared.database import after_commit
from shared.outbox import publish
from verification import budgets, gauges, numbers, proofs, rules
from verification.live_codes import LiveCode
from verification.numbers import Number
from verification.refusing import kept
from verification.wired import Wired


@dataclass(frozen=True)
class Sent:
    """An SMS on its way."""

    code_id: UUID
    expires_at: datetime
    resend_at: datetime


@dataclass(frozen=True)
class Proof:
    phone_proof: str
    expires_at: datetime


async def open_code(number: Number, purpose: Purpose, wired: Wired) -> LiveCode:
    """Begin a code's life in Redis, before any budget is spent: if that fails, nothing is sent.

    Where no SMS follows, nobody ever learns the code, and its life ends by itself.
    """
    numbers.require_served(number, wired.settings.countries)
    code_id, settings = uuid7(), wired.settings
    encrypted = wired.keys.encrypt("hmac", number.e164.encode(), str(code_id))
    ends = await wired.live.open(
        code_id,
        encrypted,
        purpose,
        settings.code_checks,
        settings.code_lifetime_seconds,
    )
    return LiveCode(code_id, encrypted, purpose, settings.code_checks, ends)


async def send(session: AsyncSession, code: LiveCode, number: Number, address: str, wired: Wired) -> Sent:
    """Charge every budget and let the SMS go, in one transaction; `address` is the asking client's, as it counts."""
    settings, phone_hmac = wired.settings, wired.keys.hmac("phone", number.e164)
    spent = await budgets.spend_send(session, phone_hmac, settings)
    nth = await _count_send(session, code.id, phone_hmac)
    publish(
        session,
        CodeRequested(
            code_id=code.id,
            purpose=code.purpose,
            send=nth,
            expires_at=code.expires_at,
            locale=context.locale.get(),
        ),
        sealed=CodeSecrets(phone=number.e164, code=_digits(code, wired)),
    )
    await session.flush()
    address_hmac = wired.keys.hmac("address", address)
    await budgets.spend_shared(session, number, address_hmac, settings, released=spent.released)
    after_commit(session, gauges.sent.labels(code.purpose, "first" if nth == 1 else "again").inc)
    return Sent(code.id, code.expires_at, spent.now + timedelta(seconds=settings.resend_after_seconds))


async def find_for_send(code_id: UUID, wired: Wired) -> tuple[LiveCode, Number]:
    """The living code that is to be sent again, with its number; same code, same expiry, same checks left."""
    code = await wired.live.find_for_send(code_id)
    if code is None:
        raise rules.CodeNotValid
    return code, _number(code, wired)


async def check(code_id: UUID, typed: str, wired: Wired) -> Proof:
    """Judge the code after the try was counted twice: in the code's own life and in its phone's day."""
    code = await wired.live.count_check(code_id)
    if code is None:
        raise rules.CodeNotValid
    number = _number(code, wired)
    async with kept(number, wired), wired.database.transaction() as session:
        verified_at = await _judge(session, code, number, typed, wired)
    if verified_at is None:
        gauges.wrong.labels(code.purpose).inc()
        raise rules.WrongCode(attempts_left=code.checks_left)
    with suppress(rules.CodesUnavailable):  # the database knows that it was used
        await wired.live.end(code_id)
    seconds = wired.settings.phone_proof_lifetime_seconds
    return Proof(*proofs.sign(number.e164, code.purpose, seconds, verified_at, wired.keys))


async def _judge(session: AsyncSession, code: LiveCode, number: Number, typed: str, wired: Wired) -> datetime | None:
    """When the phone was shown to be in hand; None for a wrong code, whose try stays spent once this is committed."""
    phone_hmac = wired.keys.hmac("phone", number.e164)
    now = await budgets.spend_try(session, phone_hmac, wired.settings)
    if not hmac.compare_digest((rules.typed_code(typed) or "").encode(), _digits(code, wired).encode()):
        return None
    await budgets.give_back_try(session, phone_hmac)
    await _use(session, code.id, phone_hmac)
    publish(session, PhoneVerified(code_id=code.id, purpose=code.purpose))
    await budgets.count_verified(session, number.prefix)
    after_commit(session, gauges.verified.labels(code.purpose).inc)
    return now


async def _count_send(session: AsyncSession, code_id: UUID, phone_hmac: bytes) -> int:
    """The number of this SMS among those of its code; `CodeNotValid` where the code was right meanwhile."""
    statement = text(
        "INSERT INTO codes AS code (id, phone_hmac) VALUES (:id, :phone)"
        " ON CONFLICT (id) DO UPDATE SET sends = code.sends + 1 WHERE code.verified_at IS NULL RETURNING sends"
    )
    sends: int | None = (await session.execute(statement, {"id": code_id, "phone": phone_hmac})).scalar()
    if sends is None:
        raise rules.CodeNotValid
    return sends


async def _use(session: AsyncSession, code_id: UUID, phone_hmac: bytes) -> None:
    """Succeeds for exactly one of all who have the right code, whatever Redis remembers (promise 13).

    A code that release 0.1 sent has no row yet.
    """
    statement = text(
        "INSERT INTO codes AS code (id, phone_hmac, verified_at) VALUES (:id, :phone, now())"
        " ON CONFLICT (id) DO UPDATE SET verified_at = now() WHERE code.verified_at IS NULL RETURNING 1"
    )
    if (await session.execute(statement, {"id": code_id, "phone": phone_hmac})).first() is None:
        raise rules.CodeNotValid


def _number(code: LiveCode, wired: Wired) -> Number:
    e164 = wired.keys.decrypt("hmac", code.encrypted_phone, str(code.id)).decode()
    return numbers.read(e164, wired.settings.countries[0])


def _digits(code: LiveCode, wired: Wired) -> str:
    """By the key that encrypted the code's phone, so that a change of keys changes no code that lives."""
    kid = code.encrypted_phone.rpartition(":")[0]
    return rules.code_from(wired.keys.hmac("code", str(code.id), kid=kid), wired.settings.code_digits)
