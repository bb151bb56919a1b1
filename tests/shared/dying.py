"""A desk as a program of its own, which tests kill: relay, consumer, people who speak, an operator with his tools."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import consumer, dead_letters, failpoints, housekeeping, logging, outbox
from shared.broker import Broker
from shared.consumer import Consumer
from shared.delivering import is_transient
from shared.inbox import Heard, hearing
from tests.chaos.history import Outcome
from tests.chaos.speaking import speak
from tests.shared.desk import Desk, Noted, open_desk, remember

PR_SET_PDEATHSIG = 1
QUICK = {"shared.consumer.SESSION_SECONDS": 1.0, "shared.relay.STANDBY_SECONDS": 0.2}
"""The next process need not wait long for the place of one that died."""


@dataclass(frozen=True)
class Life:
    """What one process does: `fail_points` as in a service's setting, `constants` of the kernel by their full names."""

    name: str
    url: str
    keys: Path
    kafka: str
    parts: Sequence[str] = ("relay", "consumer")
    fail_points: str = ""
    constants: Mapping[str, float] = field(default_factory=lambda: QUICK)
    names: Sequence[str] = ()
    """The keys under which it speaks."""
    pause: float = 0.02
    slow_seconds: float = 0.0
    max_poll_seconds: float = 300.0
    batch_records: int = 1000
    member: str | None = None
    """Its name in the group, which the next one has again."""
    mended: bool = False
    """What is poison to others is none to it."""

    @classmethod
    def of(cls, desk: Desk, keys: Path, **what: Any) -> "Life":
        return cls(desk.name, desk.database.dsn, keys, desk.kafka, **what)


@dataclass(frozen=True)
class Mouth:
    """Tells the parent what is tried; what was written to the pipe before a kill arrives there."""

    told: Connection

    def invoke(self, id: str, key: str) -> None:
        self.told.send(("invoke", id, key))

    def end(self, id: str, outcome: Outcome) -> None:
        self.told.send(("end", id, outcome))


def live(life: Life, log: Path, told: Connection) -> None:
    """The process from its first line to its last."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    for name, value in life.constants.items():
        module, _, constant = name.rpartition(".")
        assert hasattr(import_module(module), constant), f"there is no {name}"
        setattr(import_module(module), constant, value)
    logging.configure(f"{life.name} {'+'.join(life.parts)}", "INFO")
    failpoints.arm(life.fail_points)
    if life.max_poll_seconds != Life.max_poll_seconds:
        consumer.AIOKafkaConsumer = _impatient(life.max_poll_seconds)  # type: ignore[attr-defined]
    uvloop.run(_live(life, Mouth(told)))


async def _live(life: Life, mouth: Mouth) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    desk = await open_desk(life.name, life.url, life.keys, life.kafka)
    try:
        await asyncio.gather(*(PARTS[part](life, desk, mouth, stop) for part in life.parts))
    finally:
        await desk.database.close()


async def _relay(_life: Life, desk: Desk, _mouth: Mouth, stop: asyncio.Event) -> None:
    await desk.relay(stop).run()


async def _consumer(life: Life, desk: Desk, _mouth: Mouth, stop: asyncio.Event) -> None:
    reader = desk.reader(Heard(desk.noted, react), wired=life)
    await Consumer(reader, Broker(desk.kafka), stop, life.batch_records, life.member).run()


async def _speaker(life: Life, desk: Desk, mouth: Mouth, stop: asyncio.Event) -> None:
    await speak(desk, mouth, life.names, stop, life.pause)


async def _replayer(life: Life, desk: Desk, _mouth: Mouth, stop: asyncio.Event) -> None:
    """An operator who replays whatever waits, once its cause is mended."""
    heard = hearing([Heard(desk.noted, react)])
    first = "SELECT DISTINCT ON (topic, key) id FROM dead_letters WHERE resolved_at IS NULL ORDER BY topic, key, number"

    async def replay() -> None:
        for (letter,) in await desk.rows(first):
            with suppress(dead_letters.NoSuchLetter, dead_letters.NotFirst):  # another operator was quicker
                await dead_letters.replay(desk.database, letter, heard, life)

    await _again_and_again(replay, stop)


async def _resender(_life: Life, desk: Desk, _mouth: Mouth, stop: asyncio.Event) -> None:
    async def resend() -> None:
        since = await desk.value("SELECT now() - interval '5 seconds'")
        await outbox.resend(desk.database, since)

    await _again_and_again(resend, stop)


async def _releaser(_life: Life, desk: Desk, _mouth: Mouth, stop: asyncio.Event) -> None:
    """Lets go what the relay has set aside, as if it were of any use."""

    async def release() -> None:
        async with desk.database.transaction() as session:
            await outbox.release(session)

    await _again_and_again(release, stop)


async def _giver_up(_life: Life, desk: Desk, _mouth: Mouth, stop: asyncio.Event) -> None:
    """Moves what the relay has set aside out of the way of what waits behind it."""

    async def give_up() -> None:
        async with desk.database.transaction() as session:
            for row in await outbox.refused(session, 1):
                await outbox.give_up(session, row.id, "larger than any broker takes", "an operator")

    await _again_and_again(give_up, stop)


async def _purger(_life: Life, desk: Desk, _mouth: Mouth, stop: asyncio.Event) -> None:
    """What was sent long ago and the letters that were replayed; an inbox row must outlive its record's repeats."""

    async def purge() -> None:
        await housekeeping.purge(desk.database, "outbox", "sent_at < now() - interval '1 minute'")
        await housekeeping.purge(desk.database, "dead_letters", "resolved_at < now() - interval '1 minute'")

    await _again_and_again(purge, stop)


async def _again_and_again(act: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """An operator tries again where something was away or busy."""
    while not stop.is_set():
        try:
            await act()
        except Exception as problem:
            if not is_transient(problem):
                raise
        await asyncio.sleep(0.1)


PARTS: Mapping[str, Callable[[Life, Desk, Mouth, asyncio.Event], Awaitable[None]]] = {
    "relay": _relay,
    "consumer": _consumer,
    "speaker": _speaker,
    "replayer": _replayer,
    "resender": _resender,
    "releaser": _releaser,
    "giver-up": _giver_up,
    "purger": _purger,
}


async def react(session: AsyncSession, event: Noted, life: Life) -> None:
    """One effect; what the text says besides happens in the middle of the transaction."""
    await remember(session, event, None)
    match event.text:
        case "poison" if not life.mended:
            raise ZeroDivisionError
        case "kills" if not life.mended:
            os.kill(os.getpid(), signal.SIGKILL)
        case "slow":
            await session.execute(text("SELECT 1"))
            await asyncio.sleep(life.slow_seconds)


def _impatient(seconds: float) -> type[AIOKafkaConsumer]:
    """The client with a shorter max.poll.interval, which the kernel has no reason to set."""

    class Impatient(AIOKafkaConsumer):  # type: ignore[misc]
        def __init__(self, **settings: Any) -> None:
            super().__init__(**{**settings, "max_poll_interval_ms": int(seconds * 1000)})

    return Impatient
