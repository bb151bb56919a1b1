"""Budgets: how many SMS and tries are left. Each is spent by one conditional statement, in the caller's transaction.

All are spent in one order: phone, code, address, prefix, country, money. Whoever waits holds only rows of earlier
kinds, so nobody waits in a circle; a transaction that comes to nothing gives everything back. The clock is the
database's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from shared.limits import seconds_until_next
from verification.numbers import Number
from verification.rules import (
    DAY_SECONDS,
    HOUR_SECONDS,
    ChecksSpent,
    MoneySpent,
    Rule,
    TooManyCodes,
    TooManyCodesAround,
    messages,
    wait_seconds,
)
from verification.settings import VerificationSettings

MORE_PERMITS = 100


def recent(times: str) -> str:
    """SQL: those of a row's times that lie within `:window` seconds."""
    return f"ARRAY(SELECT at FROM unnest({times}) AS at WHERE at > clock_timestamp() - make_interval(secs => :window))"


# The row is locked first and its count is that of the row as it then is, so that parallel calls are counted one by one.
_PHONE_SENDS = text(
    "INSERT INTO phones AS phone (phone_hmac, sent) VALUES (:phone, ARRAY[clock_timestamp()])"
    f" ON CONFLICT (phone_hmac) DO UPDATE SET sent = {recent('phone.sent')} || clock_timestamp(), seen_at = now()"
    f" WHERE cardinality({recent('phone.sent')}) < :limit"
    " AND NOT clock_timestamp() - make_interval(secs => :apart) < ANY (phone.sent)"
    " RETURNING clock_timestamp() AS now, coalesce(released_until > clock_timestamp(), false) AS released"
)
_PHONE_TRIES = text(
    "INSERT INTO phones AS phone (phone_hmac, tried) VALUES (:phone, ARRAY[clock_timestamp()])"
    f" ON CONFLICT (phone_hmac) DO UPDATE SET tried = {recent('phone.tried')} || clock_timestamp(), seen_at = now()"
    f" WHERE cardinality({recent('phone.tried')}) < :limit"
    " RETURNING clock_timestamp() AS now"
)
_ADDRESS = text(
    "INSERT INTO asking_addresses AS address (address_hmac, sent) VALUES (:address, ARRAY[clock_timestamp()])"
    f" ON CONFLICT (address_hmac) DO UPDATE SET sent = {recent('address.sent')} || clock_timestamp(),"
    " touched_at = now()"
    f" WHERE cardinality({recent('address.sent')}) < :limit"
    " RETURNING 1"
)
# The breaker: past the limit an SMS goes out only where enough of the hour's were verified.
_PREFIX = text(
    "INSERT INTO prefixes AS prefix (prefix, sent) VALUES (:prefix, ARRAY[clock_timestamp()])"
    f" ON CONFLICT (prefix) DO UPDATE SET sent = {recent('prefix.sent')} || clock_timestamp(), touched_at = now()"
    f" WHERE cardinality({recent('prefix.sent')}) < :limit"
    f" OR cardinality({recent('prefix.verified')}) * 100 >= cardinality({recent('prefix.sent')}) * :percent"
    " RETURNING 1"
)
_VERIFIED = text(f"UPDATE prefixes SET verified = {recent('verified')} || clock_timestamp() WHERE prefix = :prefix")
# SKIP LOCKED: another's permit, taken and not yet committed, is passed over and not waited for.
_PERMIT = text(
    "UPDATE permits SET used_at = clock_timestamp() WHERE (rule, scope, number) = (SELECT rule, scope, number"
    " FROM permits WHERE rule = :rule AND scope = :scope AND number <= :limit"
    " AND used_at <= statement_timestamp() - make_interval(secs => :window)"
    " ORDER BY used_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING number"
)
_PERMITS = text("SELECT coalesce(max(number), 0) FROM permits WHERE rule = :rule AND scope = :scope")
# Rows are made as they are needed. Whoever makes the same ones at the same time waits, and finds them.
_MORE_PERMITS = text(
    "INSERT INTO permits (rule, scope, number, used_at) SELECT :rule, :scope, number, '-infinity' FROM generate_series("
    "CAST(:there AS int) + 1, least(CAST(:limit AS int), CAST(:there AS int) + CAST(:more AS int))) AS number"
    " ON CONFLICT DO NOTHING"
)
# One that is free and held by another has no time of its own: it may be back at once.
_NEXT_PERMIT = text(
    "SELECT ceil(extract(epoch FROM greatest(min(used_at), clock_timestamp() - make_interval(secs => :window))"
    " - clock_timestamp()) + :window)::int FROM permits WHERE rule = :rule AND scope = :scope AND number <= :limit"
)
# A look without a lock, which writes the refusal down in the same trip: what a pump costs us is this one statement.
_FULL = text(
    f"WITH address AS (SELECT {recent('sent')} AS sent FROM asking_addresses WHERE address_hmac = :address),"
    f" prefix AS (SELECT {recent('sent')} AS sent, cardinality({recent('verified')}) AS verified FROM prefixes"
    " WHERE prefix = :prefix),"
    " full_one AS (SELECT :address_rule AS rule, sent[cardinality(sent) - :address_limit + 1] AS frees FROM address"
    " WHERE cardinality(sent) >= :address_limit"
    " UNION ALL SELECT :prefix_rule, sent[cardinality(sent) - :prefix_limit + 1] FROM prefix"
    " WHERE cardinality(sent) >= :prefix_limit AND verified * 100 < cardinality(sent) * :percent),"
    " refused AS (SELECT rule, frees FROM full_one WHERE NOT EXISTS (SELECT FROM phones"
    " WHERE phone_hmac = :phone AND released_until > clock_timestamp()) LIMIT 1),"
    " kept AS (INSERT INTO code_refusals (id, phone_hmac, rule) SELECT :id, :phone, rule FROM refused)"
    " SELECT rule, ceil(extract(epoch FROM frees - clock_timestamp()) + :window)::int FROM refused"
)


@dataclass(frozen=True)
class Spent:
    now: datetime
    released: bool = False
    """Support let the number go: neither its address nor its prefix holds it up."""


async def refusal_at_once(
    session: AsyncSession, number: Number, phone_hmac: bytes, address_hmac: bytes, settings: VerificationSettings
) -> TooManyCodesAround | None:
    """What would refuse the number's address or prefix anyway, kept already: raise it once this is committed.

    It guards nothing, the statements that spend do; but it is all that most calls of a pump cost.
    """
    which = {"id": uuid7(), "phone": phone_hmac, "address": address_hmac, "prefix": number.prefix}
    limits = {"address_limit": settings.address_sends_per_hour, "prefix_limit": settings.prefix_sends_per_hour}
    rules = {"address_rule": Rule.ADDRESS_HOUR.value, "prefix_rule": Rule.PREFIX_HOUR.value}
    bounds = {**limits, "percent": settings.prefix_verified_percent, "window": HOUR_SECONDS}
    row = (await session.execute(_FULL, {**which, **rules, **bounds})).first()
    return TooManyCodesAround(Rule(row[0]), retry_after=max(1, row[1])) if row else None


async def spend_send(session: AsyncSession, phone_hmac: bytes, settings: VerificationSettings) -> Spent:
    """One SMS of the phone's day, and the pause before it; `TooManyCodes`. Locks the phone."""
    apart, limit = settings.resend_after_seconds, settings.phone_sends_per_day
    bounds = {"phone": phone_hmac, "window": DAY_SECONDS, "limit": limit, "apart": apart}
    if row := (await session.execute(_PHONE_SENDS, bounds)).first():
        return Spent(*row)
    ages = await _ages(session, "SELECT sent FROM phones WHERE phone_hmac = :phone", {"phone": phone_hmac}, DAY_SECONDS)
    rule = Rule.PHONE_DAY if len(ages) >= limit else Rule.RESEND
    raise TooManyCodes(rule, retry_after=max(1, seconds_until_next(ages, apart, limit)))


async def spend_try(session: AsyncSession, phone_hmac: bytes, settings: VerificationSettings) -> datetime:
    """One wrong try of the phone's day, before it is judged; `ChecksSpent`. Locks the phone; the database's time."""
    limit = settings.phone_wrong_checks_per_day
    bounds = {"phone": phone_hmac, "window": DAY_SECONDS, "limit": limit}
    if row := (await session.execute(_PHONE_TRIES, bounds)).first():
        now: datetime = row.now
        return now
    raise ChecksSpent(Rule.CHECKS_DAY)


async def give_back_try(session: AsyncSession, phone_hmac: bytes) -> None:
    """The try that this transaction spent was right: it is the last one, since the phone is locked."""
    given_back = text("UPDATE phones SET tried = trim_array(tried, 1) WHERE phone_hmac = :phone")
    await session.execute(given_back, {"phone": phone_hmac})


async def spend_shared(
    session: AsyncSession, number: Number, address_hmac: bytes, settings: VerificationSettings, *, released: bool
) -> None:
    """What the number shares with others; last in the transaction, so that others wait as short as can be."""
    if not released:
        await _spend_address(session, address_hmac, settings)
        await _spend_prefix(session, number.prefix, settings)
    else:
        await _count_prefix(session, number.prefix)
    await _spend_country(session, number.country, settings)
    for rule, (limit, window) in money(settings).items():
        if wait := await _spend_permit(session, rule, "", limit, window):
            raise MoneySpent(rule, retry_after=wait)


def money(settings: VerificationSettings) -> Mapping[Rule, tuple[int, int]]:
    """The caps that stop all: how many SMS in how many seconds."""
    price = settings.sms_price_roubles
    return {
        Rule.MONEY_HOUR: (messages(settings.money_per_hour_roubles, price), HOUR_SECONDS),
        Rule.MONEY_DAY: (messages(settings.money_per_day_roubles, price), DAY_SECONDS),
    }


async def count_verified(session: AsyncSession, prefix: str) -> None:
    """A number of the range was in hand: this is what real people do, and pumps do not."""
    await session.execute(_VERIFIED, {"prefix": prefix, "window": HOUR_SECONDS})


async def _spend_address(session: AsyncSession, address_hmac: bytes, settings: VerificationSettings) -> None:
    limit, which = settings.address_sends_per_hour, {"address": address_hmac}
    if (await session.execute(_ADDRESS, {**which, "window": HOUR_SECONDS, "limit": limit})).first() is None:
        sent = "SELECT sent FROM asking_addresses WHERE address_hmac = :address"
        _refuse(Rule.ADDRESS_HOUR, await _ages(session, sent, which, HOUR_SECONDS), limit)


async def _spend_prefix(session: AsyncSession, prefix: str, settings: VerificationSettings) -> None:
    limit, which = settings.prefix_sends_per_hour, {"prefix": prefix}
    bounds = {**which, "window": HOUR_SECONDS, "limit": limit, "percent": settings.prefix_verified_percent}
    if (await session.execute(_PREFIX, bounds)).first() is None:
        sent = "SELECT sent FROM prefixes WHERE prefix = :prefix"
        _refuse(Rule.PREFIX_HOUR, await _ages(session, sent, which, HOUR_SECONDS), limit)


async def _count_prefix(session: AsyncSession, prefix: str) -> None:
    """The SMS of a released number weighs in its range as any other; 0 % verified is always enough."""
    await session.execute(_PREFIX, {"prefix": prefix, "window": HOUR_SECONDS, "limit": 0, "percent": 0})


async def _spend_country(session: AsyncSession, country: str, settings: VerificationSettings) -> None:
    home = country == settings.countries[0]
    limit = settings.country_sends_per_hour if home else settings.other_country_sends_per_hour
    if wait := await _spend_permit(session, Rule.COUNTRY_HOUR, country, limit, HOUR_SECONDS):
        raise TooManyCodesAround(Rule.COUNTRY_HOUR, retry_after=wait)


async def _spend_permit(session: AsyncSession, rule: Rule, scope: str, limit: int, window: int) -> int:
    """0 where a permit was free, else the seconds until one is."""
    which: dict[str, Any] = {"rule": rule, "scope": scope, "limit": limit}
    bounds = {**which, "window": window}
    while (await session.execute(_PERMIT, bounds)).first() is None:
        there = (await session.execute(_PERMITS, {"rule": rule, "scope": scope})).scalar_one()
        if there >= limit:
            wait: int = (await session.execute(_NEXT_PERMIT, bounds)).scalar_one()
            return max(1, wait)
        await session.execute(_MORE_PERMITS, {**which, "there": there, "more": MORE_PERMITS})
    return 0


async def _ages(session: AsyncSession, times: str, which: Mapping[str, Any], window: int) -> list[float]:
    """How many seconds ago each was, of the row that this transaction has locked and could not spend from."""
    ages = f"SELECT extract(epoch FROM clock_timestamp() - at)::float FROM unnest(({times})) AS at"
    found = (await session.execute(text(ages), which)).scalars()
    return [age for age in found if age < window]


def _refuse(rule: Rule, ages: list[float], limit: int) -> NoReturn:
    raise TooManyCodesAround(rule, retry_after=wait_seconds(ages, limit, HOUR_SECONDS))
