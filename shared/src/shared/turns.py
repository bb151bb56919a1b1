"""Turns: many at the same time, or one with nobody beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Turns:
    """Whoever asks to be alone waits for those that run, and nobody begins meanwhile."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._running = 0
        self._taken = False

    @asynccontextmanager
    async def among_others(self) -> AsyncIterator[None]:
        await self._until(lambda: not self._taken)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._changed.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        await self._until(lambda: not self._taken)
        self._taken = True
        try:
            await self._until(lambda: self._running == 0)
            yield
        finally:
            self._taken = False
            self._changed.set()

    async def _until(self, it_is_so: Callable[[], bool]) -> None:
        while not it_is_so():
            self._changed.clear()
            await self._changed.wait()
