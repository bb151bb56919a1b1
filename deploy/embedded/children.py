"""A child process: its log, its end with the launcher's, its stop."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

PR_SET_PDEATHSIG = 1
LOG_BYTES = 20_000_000
"""A longer log is put aside at the next start, in place of the one put aside before."""


class CannotStart(Exception):
    """Why a part of the set cannot run, in words for the person who started it."""


def _dies_with(parent: int, number: int) -> Callable[[], None] | None:
    """What the child does before it becomes the program: asks Linux for a signal at the launcher's death, kill -9 too.

    The signal comes when the *thread* that started the child ends: start children from the main thread only.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return ask


@dataclass
class Child:
    """One program with its own log file. It may be started again after it ended."""

    name: str
    command: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts the program in a session of its own, so that a terminal's Ctrl-C reaches the launcher alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in self.command],
                cwd="/",
                env=None if self.env is None else dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid(), self.stop_signal),
            )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, in words: `exit 1`, `killed by SIGKILL`."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "running" if self._process else "not started"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"

    async def stop(self, seconds: float = 12) -> None:
        """Asks it to end, waits, and kills it with everything that it started when the time is over."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(self.stop_signal)
        if not await self._ends_within(seconds):
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    async def wait_ready(self, ready: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
        """Until `ready` says yes. A child that ended or is not ready in time is a `CannotStart` with its last lines."""
        deadline = monotonic() + seconds
        while not await ready():
            if not self.running:
                raise CannotStart(f"{self.name} ended ({self.ending}):\n{self.last_lines()}\n(its log: {self.log})")
            if monotonic() > deadline:
                raise CannotStart(
                    f"{self.name} was not ready within {seconds:.0f} s:\n{self.last_lines()}\n(its log: {self.log})"
                )
            await asyncio.sleep(0.05)

    async def wait_end(self, seconds: float = 120) -> None:
        """Until a program that ends by itself has ended well; else a `CannotStart` with its last lines."""
        await self._ends_within(seconds)
        if self.ending != "exit 0":
            raise CannotStart(f"{self.name} failed ({self.ending}):\n{self.last_lines()}\n(its log: {self.log})")

    async def _ends_within(self, seconds: float) -> bool:
        deadline = monotonic() + seconds
        while self.running:
            if monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    def last_lines(self, count: int = 8) -> str:
        text = self.log.read_bytes()[-4000:].decode(errors="replace") if self.log.exists() else ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-count:])
