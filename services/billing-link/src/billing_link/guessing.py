"""The guess bound: computed from the loaded payments, kept, told; and the amounts that are too frequent to prove."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from billing_link import bounds, locks, rules
from billing_link.bounds import CLASSES, Amount, ClassBound, GuessBound, Limits
from billing_link.settings import BillingLinkSettings
from billing_link.tables import GuessBoundRow
from shared.logging import logger

MOST_AMOUNTS = 10_000
"""So many of the most frequent are kept and looked at; what is rarer wins nobody anything."""
_log = logger(__name__)

# What `rules.latest_contract` and `rules.decide` say, over all accounts at once; PostgreSQL may take several processes.
_MAKE_PAIRS = text("""
    CREATE TEMPORARY TABLE guess_pairs ON COMMIT DROP AS
    WITH latest AS (
        SELECT DISTINCT ON (account_number) account_number, opened_on, closed_on,
            count(*) OVER (PARTITION BY account_number) > 1 AS renewed
        FROM contracts ORDER BY account_number, opened_on DESC
    ), open AS (
        SELECT account_number, opened_on FROM latest
        WHERE (closed_on IS NULL OR closed_on > CAST(:today AS date)) AND NOT EXISTS (
            SELECT FROM closings
            WHERE closings.account_number = latest.account_number AND closings.closed_on <= :today
                AND (closings.closed_on > latest.opened_on OR (closings.closed_on = latest.opened_on AND NOT renewed))
        )
    )
    SELECT DISTINCT payments.account_number, payments.kopecks
    FROM payments JOIN open ON open.account_number = payments.account_number
    WHERE service = CAST(:service AS text) AND kopecks > 0 AND reversed_on IS NULL
        AND paid_on BETWEEN greatest(CAST(:since AS date), opened_on) AND :today
""")
_MAKE_AMOUNTS = text("""
    CREATE TEMPORARY TABLE guess_amounts ON COMMIT DROP AS
    SELECT kopecks, count(*) AS accounts FROM guess_pairs GROUP BY kopecks
""")
_ACCOUNTS = text("SELECT count(*) FROM (SELECT FROM guess_pairs GROUP BY account_number) AS winnable")
_MOST_FREQUENT = text("SELECT kopecks, accounts FROM guess_amounts ORDER BY accounts DESC, kopecks LIMIT :most")
_MOST_FREQUENT_UNEVEN = text("""
    SELECT kopecks, accounts FROM guess_amounts WHERE kopecks % 100 <> 0 ORDER BY accounts DESC, kopecks LIMIT 5000
""")
_CLASS_SIZES = """
    SELECT class, count(*), sum(payments) FROM (
        SELECT {class_of} AS class, count(*) AS payments FROM guess_pairs GROUP BY account_number, class
    ) AS of_account GROUP BY class
"""
_CLASS_BEST = """
    SELECT class, kopecks, accounts FROM (
        SELECT class, kopecks, accounts, row_number() OVER (PARTITION BY class ORDER BY accounts DESC, kopecks) AS place
        FROM (SELECT kopecks, accounts, {class_of} AS class FROM guess_amounts) AS classed
    ) AS placed WHERE place <= :most
"""
_KEEP = text("""
    INSERT INTO frequent_amounts (kopecks, share)
    SELECT * FROM unnest(CAST(:kopecks AS bigint[]), CAST(:shares AS double precision[]))
""")


@dataclass(frozen=True)
class Told:
    """The bound with what it was computed from."""

    bound: GuessBound
    classes: dict[str, ClassBound]
    tariffs: list[int]
    limits: Limits
    refused_amounts: int
    """So many amounts are too frequent to link anything, by the setting."""
    shut_out: int
    """So many accounts have no payment but such ones: only a new payment, or support, links them."""
    alarm_above: float

    @property
    def alarm(self) -> bool:
        return self.bound.per_account > self.alarm_above


async def compute(session: AsyncSession, settings: BillingLinkSettings) -> Told:
    """Compute the bound of today's payments, keep it, and raise the alarm where it is above the setting."""
    await locks.take_time(session)
    # One computation after another; those who judge by the amounts read on meanwhile.
    await session.execute(text("LOCK TABLE frequent_amounts IN EXCLUSIVE MODE"))
    today = rules.day_of(await session.scalar(text("SELECT now()")), settings.time_zone)
    await _pair(session, today)
    accounts = await _accounts(session)
    refused = await _keep_frequent(session, accounts, settings.refuse_amounts_above)
    # What is refused wins nothing, and an account that only it would link cannot be won.
    for table in ("guess_pairs", "guess_amounts") if refused else ():
        statement = text(f"DELETE FROM {table} WHERE kopecks = ANY(CAST(:refused AS bigint[]))")
        await session.execute(statement, {"refused": refused})
    told = await _told(session, settings, accounts, len(refused))
    classes = {name: asdict(one) for name, one in told.classes.items()}
    session.add(GuessBoundRow(id=uuid7(), classes=classes, **asdict(told.bound)))
    if told.alarm:
        _log.error(
            "guess_bound_above_alarm", per_account=round(told.bound.per_account, 6), alarm_above=told.alarm_above
        )
    return told


async def compute_tonight(session: AsyncSession, settings: BillingLinkSettings) -> Told | None:
    """Compute the bound where none was computed since last night; None where there was one, or another worker is at it.

    An import computes it too: here it is for what came by event, and for the payments that a day made too old.
    """
    if not await locks.hold_night(session) or not await is_due(session, settings):
        return None
    return await compute(session, settings)


async def is_due(session: AsyncSession, settings: BillingLinkSettings) -> bool:
    now, computed_at = (await session.execute(text("SELECT now(), max(computed_at) FROM guess_bounds"))).one()
    return computed_at is None or computed_at < rules.last_night(now, settings.time_zone)


async def _pair(session: AsyncSession, today: date) -> None:
    """One row for each account and amount that would link it today, and one for each amount."""
    # Row by row, two tables of millions would be joined for days; the planner does so where its figures are old.
    await session.execute(text("SET LOCAL enable_nestloop = off"))
    await session.execute(text("SET LOCAL work_mem = '64MB'"))
    since = rules.months_before(today, rules.WINDOW_MONTHS)
    await session.execute(_MAKE_PAIRS, {"today": today, "since": since, "service": rules.ELECTRICITY})
    await session.execute(text("ANALYZE guess_pairs"))
    await session.execute(_MAKE_AMOUNTS)


async def _keep_frequent(session: AsyncSession, accounts: int, refuse_above: float | None) -> list[int]:
    """Keep the most frequent amounts with their shares; those that the setting refuses."""
    rows = (await session.execute(_MOST_FREQUENT, {"most": MOST_AMOUNTS})).all()
    shares = {kopecks: count / accounts for kopecks, count in rows}
    await session.execute(text("DELETE FROM frequent_amounts"))
    await session.execute(_KEEP, {"kopecks": list(shares), "shares": list(shares.values())})
    return [kopecks for kopecks, share in shares.items() if refuse_above is not None and share > refuse_above]


async def _accounts(session: AsyncSession) -> int:
    return await session.scalar(_ACCOUNTS) or 0


async def _told(session: AsyncSession, settings: BillingLinkSettings, accounts: int, refused_amounts: int) -> Told:
    limits = limits_of(settings)
    uneven = [Amount(*row) for row in await session.execute(_MOST_FREQUENT_UNEVEN)]
    # Up to a second of arithmetic, which must not hold up a worker's events.
    tariffs = await asyncio.to_thread(bounds.likely_tariffs, uneven)
    class_of = _class_of(tariffs)
    best: dict[str, list[Amount]] = {name: [] for name in CLASSES}
    statement = text(_CLASS_BEST.format(class_of=class_of))
    for name, kopecks, count in await session.execute(statement, {"most": limits.per_account}):
        best[name].append(Amount(kopecks, count))
    classes = {
        name: ClassBound(of_class, int(payments), bounds.best_first(best[name], of_class, limits.per_account))
        for name, of_class, payments in await session.execute(text(_CLASS_SIZES.format(class_of=class_of)))
    }
    everything = [amount for amounts in best.values() for amount in amounts]
    winnable = await _accounts(session) if refused_amounts else accounts
    bound = bounds.guess_bound(everything, winnable, limits)
    return Told(bound, classes, tariffs, limits, refused_amounts, accounts - winnable, settings.guess_bound_alarm)


def _class_of(tariffs: Sequence[int]) -> str:
    """The class of `kopecks`, in SQL."""
    multiple = " OR ".join(f"kopecks % {tariff} = 0" for tariff in tariffs) or "false"
    return f"CASE WHEN kopecks % 100 = 0 THEN 'round sums' WHEN {multiple} THEN 'tariff lattice' ELSE 'odd kopecks' END"


def limits_of(settings: BillingLinkSettings) -> Limits:
    return Limits(
        per_account=settings.attempts_per_account,
        account_days=settings.attempts_account_days,
        per_user_day=settings.attempts_per_user_day,
        per_address_day=settings.attempts_per_address_day,
        per_day=settings.attempts_per_day,
    )


async def is_too_frequent(session: AsyncSession, kopecks: int, above: float | None) -> bool:
    """Whether the setting refuses the amount. It is looked up also where the setting is off: time tells nothing."""
    statement = text("SELECT share FROM frequent_amounts WHERE kopecks = :kopecks")
    share = await session.scalar(statement, {"kopecks": kopecks}) or 0.0
    return above is not None and share > above


async def latest(session: AsyncSession) -> Any | None:
    """The bound computed last, with its age in seconds; None where none was."""
    statement = text(
        "SELECT per_account, per_user_day, per_address_day, links_per_day, classes,"
        " extract(epoch FROM now() - computed_at) AS age FROM guess_bounds ORDER BY computed_at DESC LIMIT 1"
    )
    return (await session.execute(statement)).one_or_none()


def lines(told: Told) -> Sequence[str]:
    """The bound in words, for whoever ran the import."""
    bound, limits = told.bound, told.limits
    found = [
        f"Guessing, with {bound.accounts:,} accounts that a payment would link:",
        f"  one account, {limits.per_account} tries in {limits.account_days} days  {_percent(bound.per_account)}",
        f"  any account, one user's day, {limits.per_user_day} tries  {_percent(bound.per_user_day)}",
        f"  any account, one address's day, {limits.per_address_day} tries  {_percent(bound.per_address_day)}",
        f"  accounts in all a day, {limits.per_day:,} wrong tries  {bound.links_per_day:,.2f}",
        "  one account, where the guesser knows what the household's payment is like:",
    ]
    for name in CLASSES:
        if one := told.classes.get(name):
            found.append(f"    {name:<15}{_percent(one.bound)} of {one.accounts:,} accounts")
    if told.tariffs:
        found.append(f"  tariffs found: {', '.join(f'{tariff / 100:.2f}' for tariff in told.tariffs)}")
    if told.refused_amounts:
        found.append(f"  amounts that link nothing, as too many pay them: {told.refused_amounts:,}")
        found.append(f"  accounts that have no other payment: {told.shut_out:,}")
    if told.alarm:
        found.append(f"  ALARM: one account's chance is above {_percent(told.alarm_above)}; see docs/linking-proof.md")
    return found


def _percent(share: float) -> str:
    return f"{share:.4%}"
