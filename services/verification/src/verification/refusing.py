"""Refusals by the guards: each is kept with its rule, for support, and counted; the money's raise an alarm."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from shared.logging import logger
from verification.budgets import refusal_at_once
from verification.gauges import refused
from verification.numbers import Number
from verification.rules import MoneySpent, Ruled
from verification.wired import Wired

ALARM_SECONDS = 60.0
"""A cap that holds refuses everybody: one line a minute tells it."""

_log = logger(__name__)


async def at_once(session: AsyncSession, number: Number, address: str, wired: Wired) -> Ruled | None:
    """The refusal of a number whose address or range has had its share: kept already, to be raised after the commit."""
    hmac = wired.keys.hmac
    phone_hmac, address_hmac = hmac("phone", number.e164), hmac("address", address)
    found = await refusal_at_once(session, number, phone_hmac, address_hmac, wired.settings)
    if found is not None:
        refused.labels(found.rule).inc()
    return found


@asynccontextmanager
async def kept(number: Number, wired: Wired) -> AsyncIterator[None]:
    """Stands round the transaction that a refusal rolls back: the refusal's row is one of its own."""
    try:
        yield
    except Ruled as refusal:
        refused.labels(refusal.rule).inc()
        if isinstance(refusal, MoneySpent):
            _alarm(refusal, wired)
        row = {"id": uuid7(), "phone": wired.keys.hmac("phone", number.e164), "rule": refusal.rule}
        statement = text("INSERT INTO code_refusals (id, phone_hmac, rule) VALUES (:id, :phone, :rule)")
        async with wired.database.transaction() as session:
            await session.execute(statement, row)
        raise


def _alarm(refusal: MoneySpent, wired: Wired) -> None:
    now = time.monotonic()
    if now - wired.alarmed.get(refusal.rule, -ALARM_SECONDS) >= ALARM_SECONDS:
        wired.alarmed[refusal.rule] = now
        _log.error("sms_money_spent", rule=refusal.rule.value, seconds_until_next=refusal.retry_after)
