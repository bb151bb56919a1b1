"""Processes of a desk, seen from outside: started, killed, paused, revived, and what they told before they died."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import isfinite
from pathlib import Path

from tests.chaos.history import History
from tests.chaos.speaking import Teller
from tests.shared.dying import Life, live

# Forked from a process that has imported everything and does nothing else: a life begins in milliseconds.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.shared.dying"])

STARTS_SECONDS = 30.0


class Alive:
    """One life. Whatever ends it, `ended` returns: the signal's number below zero, or the exit code."""

    def __init__(self, life: Life, log: Path, teller: Teller | None = None) -> None:
        self.life, self._log = life, log
        self._teller = teller if teller is not None else History()
        self._heard, told = _forks.Pipe(duplex=False)
        self._process = _forks.Process(target=live, args=(life, log, told), daemon=True)
        self._process.start()
        told.close()
        self._over = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, self._end)
        loop.add_reader(self._heard.fileno(), self._hear)

    @property
    def running(self) -> bool:
        return not self._over.is_set()

    async def ended(self, seconds: float = STARTS_SECONDS) -> int:
        """A `TimeoutError` with the last lines of its log where it goes on."""
        try:
            await asyncio.wait_for(self._over.wait(), seconds if isfinite(seconds) else None)
        except TimeoutError:
            raise TimeoutError(
                f"{self.life.parts} with {self.life.fail_points!r} lives on:\n{self.last_lines()}"
            ) from None
        code = self._process.exitcode
        assert code is not None
        return code

    def signal(self, number: signal.Signals) -> None:
        if self.running and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> None:
        """Asks it to end; more than 10 s of that is a defect."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        code = await self.ended(10)
        assert code in (0, -signal.SIGKILL, -signal.SIGTERM), (
            f"{self.life.parts} ended with {code}:\n{self.last_lines()}"
        )

    def last_lines(self, count: int = 12) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-count:]) if self._log.exists() else ""

    def _hear(self) -> None:
        try:
            while self._heard.poll():
                kind, *what = self._heard.recv()
                (self._teller.invoke if kind == "invoke" else self._teller.end)(*what)
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._heard.fileno())
            self._heard.close()

    def _end(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._process.sentinel)
        if not self._heard.closed:
            self._hear()
        self._process.join()
        self._over.set()


@asynccontextmanager
async def alive(life: Life, log: Path, teller: Teller | None = None) -> AsyncIterator[Alive]:
    """A life that is over afterwards, by SIGKILL if nothing else ended it."""
    one = Alive(life, log, teller)
    try:
        yield one
    finally:
        await one.kill()


@asynccontextmanager
async def living(*lives: Alive) -> AsyncIterator[None]:
    """Those that are started already, asked to end afterwards."""
    try:
        yield
        await asyncio.gather(*(one.stop() for one in lives))
    finally:
        await asyncio.gather(*(one.kill() for one in lives))


def exit_of(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"
