"""Starts a part of the set again when it dies."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from deploy.embedded.children import Child

FIRST_WAIT = 0.5
LONGEST_WAIT = 15.0
STEADY = 30.0
"""Seconds after which a part counts as well again, and its next death as the first."""


@dataclass
class _Watched:
    child: Child
    deaths: int = 0
    started: float = 0.0
    starts_again: float | None = None


class Supervisor:
    """Looks at its children ten times a second; says one line per death and per start.

    The wait before a start doubles with each death that soon follows another, up to `longest_wait` seconds.
    """

    def __init__(self, say: Callable[[str], None], longest_wait: float = LONGEST_WAIT) -> None:
        self._say = say
        self._longest_wait = longest_wait
        self._watched: dict[str, _Watched] = {}

    def watch(self, child: Child) -> None:
        self._watched[child.name] = _Watched(child, started=monotonic())

    def release(self, name: str) -> None:
        """From now on this one may end, and stays ended."""
        self._watched.pop(name, None)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            for watched in list(self._watched.values()):
                self._look_at(watched, monotonic())
            await asyncio.sleep(0.1)

    def _look_at(self, watched: _Watched, now: float) -> None:
        child = watched.child
        if child.running:
            return
        if watched.starts_again is None:
            watched.deaths = 1 if now - watched.started > STEADY else watched.deaths + 1
            wait = min(FIRST_WAIT * 2 ** (watched.deaths - 1), self._longest_wait)
            watched.starts_again = now + wait
            self._say(f"{child.name} ended ({child.ending}); it is started again in {wait:.1f} s. Its log: {child.log}")
        elif now >= watched.starts_again:
            child.start()
            watched.starts_again, watched.started = None, now
            self._say(f"{child.name} is started again (pid {child.pid})")
