"""Pacing: how fast notices go to one mail domain, and at which hours of the night they wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from uuid import UUID
from zoneinfo import ZoneInfo

from notifier import rules
from notifier.writing import Due

LOST_SECONDS = 3600.0


@dataclass
class Pace:
    """At most `a_minute` letters to one domain from this worker, in turns that are given out in the order of asking.

    What somebody waits for goes at once and takes a turn all the same, so that the notices behind it wait for it.
    """

    a_minute: int = 0
    """0: no limit."""
    burst: int = 10
    now: Callable[[], float] = time.monotonic
    _next: dict[str, float] = field(default_factory=dict)
    _turns: dict[UUID, float] = field(default_factory=dict)
    """Of notices that were put off: the moment at which each may go."""

    def wait(self, due: Due) -> timedelta:
        """Zero: it may go now."""
        if not self.a_minute or due.domain is None:
            return timedelta()
        now = self.now()
        turn = self._turns.pop(due.id, None)
        if turn is None:
            turn = self._take_turn(due.domain, now)
        if due.rank <= rules.LINK or turn <= now:
            return timedelta()
        self._turns[due.id] = turn
        return timedelta(seconds=turn - now)

    def _take_turn(self, domain: str, now: float) -> float:
        apart = 60 / self.a_minute
        after = max(self._next.get(domain, 0.0), now)
        self._next[domain] = after + apart
        self._tidy(now)
        return after - apart * (self.burst - 1)

    def _tidy(self, now: float) -> None:
        """Forget domains that are at rest, and turns that nobody came back for: erased, or another worker's now."""
        if len(self._next) > 10_000:
            self._next = {domain: moment for domain, moment in self._next.items() if moment > now}
        if len(self._turns) > 200_000:
            self._turns = {id: turn for id, turn in self._turns.items() if turn > now - LOST_SECONDS}


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
