"""Codes: asking for one, having it sent again, checking it. No code is stored: it is derived from its id."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from shared import context
from shared.contacts import canonical_phone
from shared.contracts.verification import (
    CodeRequested,
    CodeSecrets,
    PhoneVerified,
    Purpose,
)
from shared.limits import seconds_until_next
from shared.outbox import publish
from verification import proofs, rules
from verification.live_codes import LiveCode
from verification.tables import CodeCheck, CodeSend
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


async def open_code(phone: str, purpose: Purpose, wired: Wired) -> tuple[LiveCode, str]:
    """Begin a code's life in Redis, before any budget is spent: if that fails, nothing is sent.

    Where no SMS follows, nobody ever learns the code, and its life ends by itself.
    """
    canonical = canonical_phone(phone, wired.settings.countries)
    if canonical is None:
        raise rules.PhoneInvalid
    code_id, settings = uuid7(), wired.settings
    encrypted = wired.keys.encrypt("hmac", canonical.encode(), str(code_id))
    ends = await wired.live.open(
        code_id,
        encrypted,
        purpose,
        settings.code_checks,
        settings.code_lifetime_seconds,
    )
    return LiveCode(code_id, encrypted, purpose, settings.code_checks, ends), canonical


async def send(session: AsyncSession, code: LiveCode, phone: str, wired: Wired) -> Sent:
    """Charge the phone's budget and let the SMS go, in one transaction."""
    settings, phone_hmac = wired.settings, wired.keys.hmac("phone", phone)
    now = await _lock(session, phone_hmac)
    ages = await _ages(session, phone_hmac)
    if wait := seconds_until_next(ages, settings.resend_after_seconds, settings.phone_sends_per_day):
        raise rules.TooManyCodes(retry_after=wait)
    earlier = text("SELECT count(*) FROM code_sends WHERE code_id = :code_id")
    send_number = (await session.execute(earlier, {"code_id": code.id})).scalar_one() + 1
    session.add(CodeSend(id=uuid7(), code_id=code.id, phone_hmac=phone_hmac))
    publish(
        session,
        CodeRequested(
            code_id=code.id,
            purpose=code.purpose,
            send=send_number,
            expires_at=code.expires_at,
            locale=context.locale.get(),
        ),
        sealed=CodeSecrets(phone=phone, code=_digits(code.id, wired)),
    )
    return Sent(code.id, code.expires_at, now + timedelta(seconds=settings.resend_after_seconds))


async def live_for_send(code_id: UUID, wired: Wired) -> tuple[LiveCode, str]:
    """The living code that is to be sent again, with its phone; same code, same expiry, same checks left."""
    code = await wired.live.find(code_id)
    if code is None:
        raise rules.CodeNotValid
    return code, _phone(code, wired)


async def check(code_id: UUID, typed: str, wired: Wired) -> Proof:
    """Judge the code after the try was counted twice: in the code's own life and in its phone's day."""
    code = await wired.live.count_check(code_id)
    if code is None:
        raise rules.CodeNotValid
    phone = _phone(code, wired)
    async with wired.database.transaction() as session:
        check_id = await _charge_check(session, code, phone, wired)
    if not hmac.compare_digest((rules.typed_code(typed) or "").encode(), _digits(code_id, wired).encode()):
        raise rules.WrongCode(attempts_left=code.checks_left)
    if not await wired.live.end(code_id):
        raise rules.CodeNotValid  # another right one was faster
    async with wired.database.transaction() as session:
        now = (
            await session.execute(
                text("DELETE FROM code_checks WHERE id = :id RETURNING now()"),
                {"id": check_id},
            )
        ).scalar_one()
        publish(session, PhoneVerified(code_id=code_id, purpose=code.purpose))
    return Proof(
        *proofs.sign(
            phone,
            code.purpose,
            wired.settings.phone_proof_lifetime_seconds,
            now,
            wired.keys,
        )
    )


async def _lock(session: AsyncSession, phone_hmac: bytes) -> datetime:
    """Lock the phone's row and tell the database's time, so that budgets are counted by one request at a time.

    A code belongs to one phone, so this also keeps what is said of a code in the order of commits.
    """
    statement = text(
        "INSERT INTO phones (phone_hmac) VALUES (:phone)"
        " ON CONFLICT (phone_hmac) DO UPDATE SET seen_at = now() RETURNING clock_timestamp()"
    )
    return cast(datetime, (await session.execute(statement, {"phone": phone_hmac})).scalar_one())


async def _ages(session: AsyncSession, phone_hmac: bytes) -> list[float]:
    statement = text(
        "SELECT extract(epoch FROM clock_timestamp() - sent_at)::float FROM code_sends"
        " WHERE phone_hmac = :phone AND sent_at > clock_timestamp() - interval '1 day'"
    )
    return list((await session.execute(statement, {"phone": phone_hmac})).scalars())


async def _charge_check(session: AsyncSession, code: LiveCode, phone: str, wired: Wired) -> UUID:
    """Write the try down before it is judged; raises `CodeNotValid` when the phone's day has no try left."""
    phone_hmac = wired.keys.hmac("phone", phone)
    await _lock(session, phone_hmac)
    count = text(
        "SELECT count(*) FROM code_checks"
        " WHERE phone_hmac = :phone AND checked_at > clock_timestamp() - interval '1 day'"
    )
    used = (await session.execute(count, {"phone": phone_hmac})).scalar_one()
    if used >= wired.settings.phone_wrong_checks_per_day:
        raise rules.CodeNotValid
    row = CodeCheck(id=uuid7(), code_id=code.id, phone_hmac=phone_hmac)
    session.add(row)
    return row.id


def _phone(code: LiveCode, wired: Wired) -> str:
    return wired.keys.decrypt("hmac", code.encrypted_phone, str(code.id)).decode()


def _digits(code_id: UUID, wired: Wired) -> str:
    return rules.code_from(wired.keys.hmac("code", str(code_id)), wired.settings.code_digits)
