"""Dispatching: one channel's loop, which takes up what is due and sees to it that notices keep nobody waiting."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from notifier import delivering, rules
from notifier.delivering import HandOver
from notifier.pacing import Pace, Quiet
from notifier.places import Place
from notifier.rules import Channel
from notifier.writing import Due
from shared.database import Database
from shared.logging import logger
from shared.stopping import any_of

SWEEP_SECONDS = 1.0
DRAIN_SECONDS = 4.5
"""Within the worker's grace after SIGTERM, so that what is on its way mostly gets its answer."""

PutOff = tuple[timedelta, bool]
"""For how long, and whether it has its turn at its mail domain then."""
_log = logger(__name__)


@dataclass
class Dispatch:
    """One channel's delivery: its bell, its door, and how many messages it hands over at once."""

    channel: Channel
    database: Database
    place: Place
    bell: asyncio.Event
    hand_over: HandOver
    at_once: int
    pace: Pace | None = None
    quiet: Quiet | None = None
    _running: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _astray: bool = False
    """A taking up failed, and nobody knows whether it was committed."""

    async def run(self, stop: asyncio.Event) -> None:
        """Take up and deliver until `stop`; then let what is on its way finish."""
        while not stop.is_set():
            self.bell.clear()
            full = await self._take_up() if self.place.taken.is_set() else False
            waited_for = [stop, self.bell] if self.place.taken.is_set() else [stop, self.place.taken]
            if full:  # more may be due: go on when some places are free, not for each one
                await some_done(list(self._running.values()), max(self.at_once // 4, 1), stop, self.bell)
            else:
                await any_of(SWEEP_SECONDS, *waited_for)
            self._running = {id: task for id, task in self._running.items() if not task.done()}
        if self._running:
            await asyncio.wait(self._running.values(), timeout=DRAIN_SECONDS)
        for task in self._running.values():
            task.cancel()  # its attempt stays open, and the next worker finds an unknown outcome

    @property
    def kept_free(self) -> int:
        """Places that notices never take, so that a link need not wait until a slow server has taken one."""
        return max(self.at_once // 4, 1) if self.at_once > 1 else 0

    async def _take_up(self) -> bool:
        """What somebody waits for into every free place, notices into the rest; whether more may be due."""
        free = self.at_once - len(self._running)
        try:
            if self._astray:
                await delivering.give_back(self.database, self.channel, self.place.number, list(self._running))
                self._astray = False
            urgent = await self._start(free, rules.LINK)
            notices = max(free - urgent - self.kept_free, 0)
            return await self._start(notices, rules.NOTICE) == notices or urgent == free
        except Exception as problem:  # this loop must live; the database comes back
            self._astray = True
            _log.warning("deliveries_not_taken_up", channel=self.channel, cause=type(problem).__name__)
            return False

    async def _start(self, count: int, rank: int) -> int:
        taken = await delivering.take_up(self.database, self.channel, count, self.place.number, rank)
        puts_off = await self._put_off(taken)
        for due in taken:
            self._running[due.id] = asyncio.create_task(self._deliver(due, puts_off.get(due.id)))
        return len(taken)

    async def _deliver(self, due: Due, put_off: PutOff | None) -> None:
        try:
            if put_off is not None:
                await delivering.put_off(self.database, due, *put_off)
            else:
                await delivering.deliver(self.database, due, self.hand_over)
        except Exception as problem:  # this loop must live; the lease runs out and the notification comes back
            _log.error("delivery_failed", notification_id=due.id, kind=due.kind, cause=type(problem).__name__)

    async def _put_off(self, taken: Sequence[Due]) -> dict[UUID, PutOff]:
        """What is put off for the sake of its reader's night or its server's pace."""
        leaving = [due for due in taken if not due.late and due.open_attempt is None]
        rest = self.quiet.rest() if self.quiet is not None else timedelta()
        resting = {due.id: (rest, False) for due in leaving if rest and due.kind in rules.CAN_WAIT_FOR_MORNING}
        if self.pace is None:
            return resting
        waits = await self.pace.waits([due for due in leaving if due.id not in resting])
        return resting | {id: (wait, True) for id, wait in waits.items()}


async def some_done(tasks: Collection[asyncio.Task[None]], count: int, *events: asyncio.Event) -> None:
    """Until so many deliveries have ended, one of the events comes or the sweep is due."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    with suppress(TimeoutError):
        async with asyncio.timeout(SWEEP_SECONDS):
            while not any(wait.done() for wait in waits) and sum(task.done() for task in tasks) < count:
                pending = {task for task in tasks if not task.done()}
                await asyncio.wait({*waits, *pending}, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
