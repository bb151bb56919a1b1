"""Watching the guesses: what readiness calls degraded, the gauges, and the bound of every night."""

import asyncio
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import gauges, guessing
from billing_link.wired import Wired
from shared.database import Database
from shared.delivering import is_transient
from shared.health import Check, NotReady
from shared.importing import unhurried
from shared.logging import logger
from shared.stopping import any_of, until_stopped

PERIOD_SECONDS = 60.0
_PENDING = text(
    "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float"
    " FROM link_requests WHERE status = 'pending'"
)
_log = logger(__name__)


def checks(wired: Wired) -> Mapping[str, Check]:
    """What readiness names as degraded: HTTP is answered, but nobody can ask for an account."""

    async def attempts_left() -> None:
        async with wired.database.transaction() as session:
            made = await _attempts(session)
        if made >= wired.settings.attempts_per_day:
            raise NotReady(
                f"{made} wrong link requests in the last 24 hours, as many as may be: nobody can ask for an account;"
                " look for a guesser, or raise the limit"
            )

    return {"link_attempts": attempts_left}


async def measure(wired: Wired) -> None:
    """Bring the gauges up to date; the bound is the one that was computed last, by whichever process."""
    async with wired.database.transaction() as session:
        gauges.attempts.set(await _attempts(session))
        pending, oldest = (await session.execute(_PENDING)).one()
        bound = await guessing.latest(session)
    gauges.requests_pending.set(pending)
    gauges.requests_oldest.set(oldest)
    gauges.attempts_limit.set(wired.settings.attempts_per_day)
    gauges.guess_bound_alarm.set(wired.settings.guess_bound_alarm)
    gauges.guess_bound.clear()  # none is told where none was computed, as in a database that was made anew
    gauges.guess_bound_of_class.clear()
    if bound is None:
        gauges.guess_bound_age.set(float("nan"))
        gauges.guess_links.set(float("nan"))
        return
    gauges.guess_bound_age.set(float(bound.age))
    gauges.guess_bound.labels("account").set(bound.per_account)
    gauges.guess_bound.labels("user-day").set(bound.per_user_day)
    gauges.guess_bound.labels("address-day").set(bound.per_address_day)
    gauges.guess_links.set(bound.links_per_day)
    for name, one in bound.classes.items():
        gauges.guess_bound_of_class.labels(name).set(one["bound"])


async def keep_bound(wired: Wired, stop: asyncio.Event) -> None:
    """Compute the guess bound every night, until `stop`; a database that is away is waited for."""
    while not stop.is_set():
        try:
            async with wired.database.transaction() as session:
                due = await guessing.is_due(session, wired.settings)
            if due:
                # What was computed of it is nothing without the rest: at a stop it is left, and a later worker begins.
                await until_stopped(_compute_bound(wired), stop, last_seconds=0)
        except Exception as problem:
            if not is_transient(problem):
                raise
            _log.warning("guess_bound_failed", cause=type(problem).__name__)
        await any_of(PERIOD_SECONDS, stop)


async def _compute_bound(wired: Wired) -> None:
    """On connections of its own: the time limits of all others are for requests."""
    database = Database(unhurried(wired.settings), wired.database.public_keys)
    try:
        async with database.transaction() as session:
            told = await guessing.compute_tonight(session, wired.settings)
    finally:
        await database.close()
    if told is not None:
        _log.info("guess_bound_computed", accounts=told.bound.accounts, per_account=round(told.bound.per_account, 6))


async def _attempts(session: AsyncSession) -> int:
    statement = text(
        "SELECT count(*) FROM link_attempts"
        " WHERE subject = 'all' AND key = '' AND charged_at > now() - interval '1 day'"
    )
    made: int = (await session.execute(statement)).scalar_one()
    return made
