"""Kill -9 at every fail point of the backbone, again and again, while people go on speaking."""

import asyncio
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field

from tests.chaos.arena import Arena, Scenarios, at_rest, judged, letters, markers
from tests.chaos.history import History
from tests.chaos.lives import Alive, exit_of
from tests.chaos.load import NAMES
from tests.chaos.poison import put_too_large
from tests.chaos.speaking import speak
from tests.chaos.table import Row
from tests.kit import eventually
from tests.shared.desk import Desk

POINTS: Mapping[str, Sequence[str]] = {
    "relay": (
        *("relay.placed", "relay.started", "relay.fetched", "relay.enqueued"),
        *("relay.acknowledged", "relay.marked", "relay.committed"),
    ),
    "consumer": (
        *("consumer.joined", "consumer.polled", "delivering.counted", "delivering.forgotten", "inbox.remembered"),
        *("inbox.reacted", "database.flushed", "database.committed", "consumer.committing", "consumer.committed"),
        "dead_letters.parked",
    ),
    "speaker": ("database.flushed", "database.committed", "doorbell.rung"),
    "replayer": ("dead_letters.resolved", "dead_letters.replayed"),
    "resender": ("outbox.resent",),
    "releaser": ("outbox.released",),
    "giver-up": ("outbox.given_up",),
    "purger": ("housekeeping.purged",),
}
"""By the part that passes them; all parts have their trials at the same time."""
GO_ON = ("relay", "consumer", "replayer")
ELSEWHERE = {"door.answered": "the services' own doors: in the matrix of the whole set"}

ONCE_A_LIFE = frozenset({"relay.placed", "relay.started", "consumer.joined", "outbox.given_up"})
POISONED = ("poisoned-0", "poisoned-1")
POISON_EACH = 15
BATCH_RECORDS = 100
TRIAL_SECONDS = 300.0
"""How long one may take to reach its point."""


@dataclass
class Matrix:
    """One desk under all the sequences of trials at once; who dies in one goes on in the next."""

    arena: Arena
    desk: Desk
    history: History
    times: int
    reached: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        over = asyncio.Barrier(len(POINTS))
        async with asyncio.TaskGroup() as group:
            for part, points in POINTS.items():
                group.create_task(self._sequence(part, points, over))

    async def _sequence(self, part: str, points: Sequence[str], over: asyncio.Barrier) -> None:
        """Round after round, so that different deaths follow one another, at the first, second or third passing.

        Afterwards an unarmed one goes on, since the others need it.
        """
        for trial, name in itertools.product(range(self.times), points):
            if part == "consumer":
                await self._calm()
            nth = 1 if name in ONCE_A_LIFE else trial % 3 + 1
            names = [f"{name}-{trial}-{number}" for number in range(2)] if part == "speaker" else []
            async with self._life(part, f"{name}=kill@{nth}", names) as one:
                code = await one.ended(TRIAL_SECONDS)
                assert code == -signal.SIGKILL, f"{name}: {exit_of(code)}:\n{one.last_lines()}"
            self.reached[name] += 1
            self.history.fault(name)
        async with self._life(part) if part in GO_ON else nullcontext():
            await over.wait()

    async def _calm(self) -> None:
        """Three deaths over one record are what a deadly record looks like: the matrix must not make one."""
        if not await self._in_peace():
            async with self._life("consumer") as one:
                try:
                    await eventually(self._in_peace, TRIAL_SECONDS)
                except AssertionError:
                    told = f"markers stay: {await markers(self.desk)}\n{one.last_lines()}"
                    raise AssertionError(told) from None

    async def _in_peace(self) -> bool:
        return not await self.desk.value("SELECT count(*) FROM deliveries WHERE alone AND tries >= 2")

    @asynccontextmanager
    async def _life(self, part: str, fail_points: str = "", names: Sequence[str] = ()) -> AsyncIterator[Alive]:
        mended = part == "replayer"
        what = {"fail_points": fail_points, "names": names, "mended": mended, "batch_records": BATCH_RECORDS}
        one = self.arena.life(self.desk, self.history, parts=(part,), **what)
        try:
            yield one
        finally:
            await one.kill()


def everywhere() -> set[str]:
    """The points that the matrix reaches, or says who does."""
    return {name for names in POINTS.values() for name in names} | ELSEWHERE.keys()


async def crash_matrix(arena: Arena, times: int) -> Row:
    """Every point of the backbone x `times`. What only special states reach has them: poison keeps coming, an operator
    replays it, old rows are purged, what was sent is sent again."""
    async with arena.desk(await arena.postgres(), (await arena.kafka()).bootstrap) as desk:
        history, stop = History(), asyncio.Event()
        await put_too_large(desk, "poison-large")
        matrix = Matrix(arena, desk, history, times)
        speaking = asyncio.gather(
            speak(desk, history, NAMES, stop, 0.2), speak(desk, history, POISONED, stop, 0.2, POISON_EACH)
        )
        try:
            await matrix.run()
        finally:
            stop.set()
            await speaking
        history.heal()
        left = await drained(arena, desk, history, unsent=2)
        return Row(
            "crash matrix, kernel",
            times,
            await judged(desk, history),
            parked=await letters(desk),
            notes=[_told(matrix.reached), f"markers left: {await markers(desk) or 'none'}"],
            broken=left,
        )


async def drained(arena: Arena, desk: Desk, history: History, unsent: int) -> Sequence[str]:
    """Nobody dies any more: relay, consumer and the operator go on until nothing is left."""
    parts = (("relay",), ("consumer",), ("replayer",))
    lives = [arena.life(desk, history, parts=part, mended=True) for part in parts]
    try:
        left = await at_rest(desk, unsent)
        await asyncio.gather(*(one.stop() for one in lives))
        return left
    finally:
        await asyncio.gather(*(one.kill() for one in lives))


def _told(reached: Counter[str]) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in sorted(reached.items()))
    return f"died at: {counts}; {', '.join(f'{name}: {why}' for name, why in ELSEWHERE.items())}"


SCENARIOS: Scenarios = [("crash-matrix", crash_matrix)]
