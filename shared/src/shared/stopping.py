"""Stopping: waiting for one of several events, and an end in time for what may wait for a server for ever."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


async def any_of(seconds: float, *events: asyncio.Event) -> bool:
    """Wait for one of the events; False when none came in time."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()


async def until_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event, last_seconds: float) -> None:
    """Run the work; once asked to stop, what is under way has that long to come to its end, then it is cancelled."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([working], timeout=last_seconds)
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.wait([working])
    if not working.cancelled():
        working.result()


async def bounded(closing: Coroutine[Any, Any, Any], seconds: float) -> bool:
    """Whether it came to its end in that time. One that swallows its cancellation is left alone after a moment."""
    task = asyncio.create_task(closing)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    await asyncio.wait([task], timeout=0.2)
    with suppress(Exception, asyncio.CancelledError):
        return task.done() and task.exception() is None
    return False
