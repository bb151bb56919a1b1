"""Watching the guards: what readiness calls degraded, the gauges, and the bounds of guessing."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.health import Check, NotReady
from shared.logging import logger
from verification import gauges
from verification.budgets import money, recent
from verification.rules import HOUR_SECONDS, Rule, guess_bounds
from verification.settings import VerificationSettings
from verification.wired import Wired

_WINDOWS = {Rule.MONEY_HOUR: "hour", Rule.MONEY_DAY: "day"}
_log = logger(__name__)


def tell_guess_bounds(settings: VerificationSettings) -> None:
    """Said once at start, and exported: what the limits mean for somebody who guesses (promise 13)."""
    bounds = guess_bounds(settings.code_digits, settings.code_checks, settings.phone_wrong_checks_per_day)
    gauges.guess_bound.labels("code").set(bounds.per_code)
    gauges.guess_bound.labels("phone-day").set(bounds.per_phone_day)
    gauges.guess_bound.labels("phone-year").set(bounds.per_phone_year)
    # `phone` in a name would mask its value.
    _log.info(
        "guess_bounds_computed",
        per_code=bounds.per_code,
        per_number_day=bounds.per_phone_day,
        per_number_year=bounds.per_phone_year,
    )


def checks(wired: Wired) -> Mapping[str, Check]:
    """What readiness names as degraded: HTTP is answered, but people wait for codes in vain."""

    async def money_left() -> None:
        async with wired.database.transaction() as session:
            spent = await _sent(session, wired.settings)
        for rule, (limit, _) in money(wired.settings).items():
            if spent[rule] >= limit:
                told = f"{spent[rule]} SMS went out in the last {_WINDOWS[rule]}, which is all that its money buys"
                raise NotReady(f"{told}: no code goes out to anybody; look for a pump, or raise the cap")

    async def prefixes() -> None:
        async with wired.database.transaction() as session:
            if blocked := await _blocked(session, wired.settings):
                told = f"{len(blocked)} number ranges get no codes, too few of theirs are verified"
                raise NotReady(f"{told}: {', '.join(blocked[:5])}{', …' * (len(blocked) > 5)}")

    return {"sms_money": money_left, "sms_prefixes": prefixes}


async def measure(wired: Wired) -> None:
    """Bring the gauges up to date."""
    async with wired.database.transaction() as session:
        spent = await _sent(session, wired.settings)
        gauges.prefixes_blocked.set(len(await _blocked(session, wired.settings)))
    for rule, (limit, _) in money(wired.settings).items():
        price = wired.settings.sms_price_roubles
        gauges.money_spent.labels(_WINDOWS[rule]).set(float(spent[rule] * price))
        gauges.money_cap.labels(_WINDOWS[rule]).set(float(limit * price))


async def _sent(session: AsyncSession, settings: VerificationSettings) -> dict[Rule, int]:
    statement = text(
        "SELECT count(*) FROM permits WHERE rule = :rule AND scope = ''"
        " AND used_at > statement_timestamp() - make_interval(secs => :window)"
    )
    return {
        rule: (await session.execute(statement, {"rule": rule, "window": window})).scalar_one()
        for rule, (_, window) in money(settings).items()
    }


async def _blocked(session: AsyncSession, settings: VerificationSettings) -> list[str]:
    statement = text(
        "SELECT prefix FROM prefixes WHERE touched_at > now() - make_interval(secs => :window)"
        f" AND cardinality({recent('sent')}) >= :limit"
        f" AND cardinality({recent('verified')}) * 100 < cardinality({recent('sent')}) * :percent ORDER BY prefix"
    )
    bounds = {"window": HOUR_SECONDS, "limit": settings.prefix_sends_per_hour}
    found = await session.execute(statement, {**bounds, "percent": settings.prefix_verified_percent})
    return list(found.scalars())
