"""A desk as a program of its own, which the tests kill: `python -m tests.shared.dying '{"…": …}'`."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared import consumer, relay
from shared.consumer import Consumer
from shared.inbox import Heard
from tests.shared.desk import Desk, Noted, open_desk, remember


def die(*_: Any) -> None:
    """As a power cut would: nothing is closed, flushed or said."""
    os.kill(os.getpid(), signal.SIGKILL)


async def die_async(*_: Any) -> None:
    die()


def prepare(at: str) -> None:
    """Where the program dies: the two moments at which Kafka and the database know different things."""
    match at:
        case "acknowledged":

            async def acknowledged(acks: relay.Acks, wait: Any = relay.Acks.all_arrived) -> None:
                await wait(acks)
                if acks.row_ids:
                    die()

            relay.Acks.all_arrived = acknowledged  # type: ignore[method-assign,assignment]
        case "handled":
            Consumer._commit = die_async  # type: ignore[method-assign,assignment]


async def react(session: AsyncSession, event: Noted, deadly: int | None) -> None:
    """An effect; the record with the deadly number ends the process in the middle of its transaction."""
    await remember(session, event, None)
    if event.n == deadly:
        die()


async def run(desk: Desk, deadly: int | None) -> None:
    stop = asyncio.Event()
    reader = desk.reader(Heard(desk.noted, react), wired=deadly)
    await asyncio.gather(desk.relay(stop).run(), Consumer(reader, desk.kafka, stop).run())


async def main(name: str, url: str, keys: str, kafka: str, at: str, deadly: int | None) -> None:
    consumer.SESSION_SECONDS = 1.5  # the next one need not wait long for the place of one that died
    prepare(at)
    await run(await open_desk(name, url, Path(keys), kafka), deadly)


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
