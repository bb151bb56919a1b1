"""Pacing: turns at a mail domain or a provider, over all workers, and the hours of the night at which notices wait."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from notifier import rules
from notifier.writing import Due
from shared.database import Database

LONGEST_SECONDS = 2.0
"""How far ahead an SMS may take a turn at a provider: it waits for it in a worker's hand, before it is on record."""

# Names in their order: two workers that take turns at the same domains do not wait for one another in a ring.
_TAKE_MANY = text("""
    INSERT INTO turns AS turn (name, next_at)
    SELECT name, now() + count * CAST(:apart AS interval)
    FROM unnest(CAST(:names AS text[]), CAST(:counts AS integer[])) AS asked (name, count) ORDER BY name
    ON CONFLICT (name) DO UPDATE SET next_at = greatest(turn.next_at, now()) + (excluded.next_at - now())
    RETURNING name, next_at - now() AS ahead
""")
_TAKE_SOON = text("""
    INSERT INTO turns AS turn (name, next_at) VALUES (:name, now() + CAST(:apart AS interval))
    ON CONFLICT (name) DO UPDATE SET next_at = greatest(turn.next_at, now()) + CAST(:apart AS interval)
    WHERE turn.next_at <= now() + CAST(:longest AS interval)
    RETURNING next_at - now() - CAST(:apart AS interval)
""")


@dataclass(frozen=True)
class Pace:
    """At most `a_minute` letters to one domain from all workers, in turns that are given out in the order of asking.

    What somebody waits for goes at once and takes a turn all the same, so that the notices behind it wait for it.
    """

    database: Database
    a_minute: int = 0
    """0: no limit."""
    burst: int = 10

    async def waits(self, letters: Sequence[Due]) -> dict[UUID, timedelta]:
        """Which of them must wait for their turn, and how long; one that came back for its turn takes no second one."""
        asking = [due for due in letters if due.domain is not None and not due.has_turn] if self.a_minute else []
        if not asking:
            return {}
        apart = timedelta(minutes=1) / self.a_minute
        counts = Counter(str(due.domain) for due in asking)
        values = {"names": [f"domain {name}" for name in counts], "counts": list(counts.values()), "apart": apart}
        async with self.database.transaction() as session:
            ahead = {row.name: row.ahead for row in await session.execute(_TAKE_MANY, values)}
        waits: dict[UUID, timedelta] = {}
        for due in sorted(asking, key=lambda due: (due.rank, due.created_at), reverse=True):
            ahead[f"domain {due.domain}"] -= apart  # the last of them has the last turn
            wait = ahead[f"domain {due.domain}"] - apart * (self.burst - 1)
            if due.rank > rules.LINK and wait > timedelta():
                waits[due.id] = wait
        return waits


@dataclass(frozen=True)
class Turns:
    """Turns at SMS providers."""

    database: Database

    async def take(self, provider: str, a_second: int) -> float | None:
        """The seconds until the turn that was taken; None where it would be too far away, and none was taken.

        0 `a_second` is no limit.
        """
        if not a_second:
            return 0.0
        values = {"name": f"provider {provider}", "apart": timedelta(seconds=1) / a_second}
        async with self.database.transaction() as session:
            longest = timedelta(seconds=LONGEST_SECONDS)
            wait: timedelta | None = await session.scalar(_TAKE_SOON, {**values, "longest": longest})
        return None if wait is None else max(wait.total_seconds(), 0.0)


@dataclass(frozen=True)
class Quiet:
    """The hours at which notices that can wait are not handed over, in the region's zone."""

    begins: clock_time
    ends: clock_time
    zone: ZoneInfo
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def rest(self) -> timedelta:
        """How much of the quiet hours is left; zero by day."""
        return rules.rest_of_quiet(self.now().astimezone(self.zone), self.begins, self.ends)
