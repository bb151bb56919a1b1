"""Watching the guesses: what readiness calls degraded, and the gauges."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import gauges, guessing
from billing_link.wired import Wired
from shared.health import Check, NotReady


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
        bound = await guessing.latest(session)
    gauges.attempts_limit.set(wired.settings.attempts_per_day)
    gauges.guess_bound_alarm.set(wired.settings.guess_bound_alarm)
    gauges.guess_bound_of_class.clear()
    if bound is None:
        gauges.guess_bound_age.set(float("nan"))
        return
    gauges.guess_bound_age.set(float(bound.age))
    gauges.guess_bound.labels("account").set(bound.per_account)
    gauges.guess_bound.labels("user-day").set(bound.per_user_day)
    gauges.guess_bound.labels("address-day").set(bound.per_address_day)
    gauges.guess_links.set(bound.links_per_day)
    for name, one in bound.classes.items():
        gauges.guess_bound_of_class.labels(name).set(one["bound"])


async def _attempts(session: AsyncSession) -> int:
    statement = text(
        "SELECT count(*) FROM link_attempts"
        " WHERE subject = 'all' AND key = '' AND charged_at > now() - interval '1 day'"
    )
    made: int = (await session.execute(statement)).scalar_one()
    return made
