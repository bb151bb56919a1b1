"""The worker: one part that fails stops all, a consumer that is stuck ends the process."""

import asyncio
import os
import signal
import threading
import time

import pytest

from shared import serving, worker
from shared.broker import Broker
from shared.consumer import Consumer
from tests.shared.conftest import OpenDesk


async def test_part_that_fails_stops_the_others_and_is_told() -> None:
    stop, ended = asyncio.Event(), []

    async def patient() -> None:
        await stop.wait()
        ended.append("patient")

    async def failing() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await serving.run_until_stopped([patient(), failing()], stop)

    assert ended == ["patient"]


async def test_part_that_lingers_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "GRACE_SECONDS", 0.1)
    stop = asyncio.Event()

    async def deaf() -> None:
        await asyncio.Event().wait()

    running = asyncio.create_task(serving.run_until_stopped([deaf()], stop))
    await asyncio.wait([running], timeout=0.05)
    os.kill(os.getpid(), signal.SIGTERM)

    await asyncio.wait_for(running, 3)


@pytest.mark.parametrize(("connected", "ends"), [(True, True), (False, False)])
async def test_stuck_consumer_ends_the_process(
    desk_of: OpenDesk, monkeypatch: pytest.MonkeyPatch, connected: bool, ends: bool
) -> None:
    exits: list[int] = []
    watched = threading.Event()

    def note(code: int) -> None:
        exits.append(code)
        consumer.connected = False  # ends its watch, as the process would have ended
        watched.set()

    monkeypatch.setattr(worker, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(worker, "STUCK_SECONDS", 0.1)
    monkeypatch.setattr(os, "_exit", note)
    desk = await desk_of("")
    consumer = Consumer(desk.reader(), Broker("127.0.0.1:1"), asyncio.Event())
    consumer.connected, consumer._polled_at = connected, time.monotonic() - 1

    worker._watch(consumer)

    assert await asyncio.to_thread(watched.wait, 0.5) is ends
    assert exits == ([70] if ends else [])
