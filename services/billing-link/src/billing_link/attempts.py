"""Attempts: every request is a guess, counted before it is judged and given back when it was right."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link.locks import hold_attempts
from billing_link.rules import LinkingUnavailable, TooManyAttempts
from billing_link.settings import BillingLinkSettings
from shared.logging import logger

_log = logger(__name__)
DAY = 86400


@dataclass(frozen=True)
class Limit:
    """At most `most` attempts under this key in the last `seconds`."""

    subject: str
    key: str
    most: int
    seconds: int


def limits_for(settings: BillingLinkSettings, user_id: UUID, account_number: str, address_key: str) -> list[Limit]:
    """The four limits on one request; `address_key` is an HMAC, so that no address rests here."""
    return [
        Limit("account", account_number, settings.attempts_per_account, settings.attempts_account_days * DAY),
        Limit("address", address_key, settings.attempts_per_address_day, DAY),
        Limit("all", "", settings.attempts_per_day, DAY),
        Limit("user", str(user_id), settings.attempts_per_user_day, DAY),
    ]


# The turns make it exact: whoever holds them alone counts and adds in one statement, whatever runs beside it.
_CHARGE = text("""
    INSERT INTO link_attempts (request_id, subject, key)
    SELECT CAST(:request_id AS uuid), wanted.subject, wanted.key
    FROM unnest(CAST(:subjects AS text[]), CAST(:keys AS text[]), CAST(:most AS int[]), CAST(:seconds AS int[]))
        AS wanted (subject, key, most, seconds)
    WHERE wanted.most > (
        SELECT count(*) FROM link_attempts AS made
        WHERE made.subject = wanted.subject AND made.key = wanted.key
            AND made.charged_at > now() - make_interval(secs => wanted.seconds)
    )
    RETURNING subject
""")
_ROOM_AGAIN = text("""
    SELECT ceil(extract(epoch FROM min(charged_at) + make_interval(secs => :seconds) - now()))::int
    FROM link_attempts
    WHERE subject = :subject AND key = :key AND charged_at > now() - make_interval(secs => :seconds)
""")


async def charge(session: AsyncSession, request_id: UUID, limits: Sequence[Limit]) -> bool:
    """Count the request against every limit; False where its account has been tried too often.

    Raises `TooManyAttempts` for the user and the address, and `LinkingUnavailable` for all. That an account is spent is
    no refusal here: it would tell a stranger what others do.
    """
    await hold_attempts(session, (f"{limit.subject} {limit.key}" for limit in limits))
    columns = {
        "subjects": [limit.subject for limit in limits],
        "keys": [limit.key for limit in limits],
        "most": [limit.most for limit in limits],
        "seconds": [limit.seconds for limit in limits],
    }
    charged = set((await session.execute(_CHARGE, {"request_id": request_id, **columns})).scalars())
    spent = {limit.subject: limit for limit in limits if limit.subject not in charged}
    for subject in ("user", "address"):
        if subject in spent:
            raise TooManyAttempts(retry_after=await _seconds_until_room(session, spent[subject]))
    if "all" in spent:
        _log.error("link_attempts_exhausted", most=spent["all"].most)
        raise LinkingUnavailable(retry_after=await _seconds_until_room(session, spent["all"]))
    return "account" not in spent


async def _seconds_until_room(session: AsyncSession, limit: Limit) -> int:
    wanted = {"subject": limit.subject, "key": limit.key, "seconds": limit.seconds}
    return max(1, await session.scalar(_ROOM_AGAIN, wanted) or 0)


async def give_back(session: AsyncSession, request_id: UUID) -> None:
    """The request was right, or nobody could judge it: it was no guess. Calling it twice gives back once."""
    await session.execute(text("DELETE FROM link_attempts WHERE request_id = :id"), {"id": request_id})


async def forget_old(session: AsyncSession, settings: BillingLinkSettings) -> None:
    """Delete what no limit counts any more."""
    days = max(settings.attempts_account_days, 1)
    statement = text("DELETE FROM link_attempts WHERE charged_at < now() - make_interval(days => :days)")
    await session.execute(statement, {"days": days})
