"""What was tried and what came of it, and the judgement over the whole history, in the manner of Jepsen."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What the one who tried was told. `UNKNOWN`: nothing (a lost answer), so that both ends are allowed."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass
class Try:
    """One operation with an id that is used once. Tries of one key follow one another: none overlaps the one before."""

    id: str
    key: str
    begun: float
    outcome: Outcome = Outcome.UNKNOWN
    ended: float | None = None


@dataclass(frozen=True)
class Effect:
    """Something that a subscriber did because of a try, in the order in which it was seen; `at` as of `time.time`."""

    id: str
    key: str
    at: float


@dataclass
class History:
    """Written while the faults last; a try that nobody ends is unknown."""

    tries: dict[str, Try] = field(default_factory=dict)
    faults: list[tuple[float, str]] = field(default_factory=list)
    healed: float = 0.0

    def invoke(self, id: str, key: str) -> None:
        if id in self.tries:
            raise ValueError(f"{id} was tried before")
        self.tries[id] = Try(id, key, time.time())

    def end(self, id: str, outcome: Outcome) -> None:
        self.tries[id].outcome, self.tries[id].ended = outcome, time.time()

    def fault(self, name: str) -> None:
        self.faults.append((time.time(), name))

    def heal(self) -> None:
        """From now on nothing is broken any more."""
        self.healed = time.time()


@dataclass(frozen=True)
class Verdict:
    """What a history came to; ids in the lists."""

    tried: int
    told_ok: int
    untold: int
    faults: int
    lost: Sequence[str]
    """Told ok, and no effect."""
    doubled: Sequence[str]
    ghosts: Sequence[str]
    """An effect of what failed, or of what nobody tried."""
    disordered: Sequence[str]
    """Came after a later one of the same key."""
    recovery_seconds: float
    """From the last fault's end to the last effect of what was tried before it; 0 where all was done by then."""

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.ghosts or self.disordered)


def judge(history: History, effects: Sequence[Effect]) -> Verdict:
    """Judge the whole history by all of its effects: whoever collects them has waited until nothing moves."""
    counts = Counter(effect.id for effect in effects)
    told = {outcome: [one.id for one in history.tries.values() if one.outcome is outcome] for outcome in Outcome}
    before = {one.id for one in history.tries.values() if one.begun <= history.healed}
    late = [effect.at - history.healed for effect in effects if effect.id in before]
    return Verdict(
        tried=len(history.tries),
        told_ok=len(told[Outcome.OK]),
        untold=len(told[Outcome.UNKNOWN]),
        faults=len(history.faults),
        lost=[id for id in told[Outcome.OK] if id not in counts],
        doubled=[id for id, count in counts.items() if count > 1],
        ghosts=[id for id in counts if id not in history.tries or history.tries[id].outcome is Outcome.FAILED],
        disordered=list(_disordered(history, effects)),
        recovery_seconds=max([0.0, *late]),
    )


def _disordered(history: History, effects: Iterable[Effect]) -> Iterable[str]:
    """The first effect of each try must not come after that of a later try of its key."""
    place = {id: number for number, id in enumerate(history.tries)}
    newest: dict[str, int] = {}
    seen: set[str] = set()
    for effect in effects:
        if effect.id in seen or effect.id not in place:
            continue
        seen.add(effect.id)
        if place[effect.id] < newest.get(effect.key, -1):
            yield effect.id
        newest[effect.key] = max(newest.get(effect.key, -1), place[effect.id])
