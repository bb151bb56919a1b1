"""Waiting for a decision: everyone who waits shares one connection that listens and one query that looks."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from uuid import UUID

import asyncpg
from sqlalchemy import text

from shared.database import Database
from shared.delivering import is_transient
from shared.doorbell import CHANNEL
from shared.logging import logger

LOOK_SECONDS = 1.0
"""How long a decision may stay unseen where its bell was lost."""
_log = logger(__name__)


class Waiting:
    """One per process. Every decision is told by an event, so the outbox's doorbell says that one may be there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiters: dict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def until_decided(self, request_id: UUID, seconds: float) -> None:
        """Return as soon as the request is no longer pending, at the latest after `seconds`."""
        decided = asyncio.Event()
        self._waiters[request_id].add(decided)
        self._rung.set()  # it may have been decided since the caller looked
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(decided.wait(), seconds)
        finally:
            self._waiters[request_id].discard(decided)
            if not self._waiters[request_id]:
                del self._waiters[request_id]

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        """Look whenever the bell rings and once a second, as long as anybody waits."""
        connection: asyncpg.Connection | None = None
        try:
            while self._waiters:
                self._rung.clear()
                try:
                    if connection is None or connection.is_closed():
                        connection = await self._database.connect()
                        await connection.add_listener(CHANNEL, lambda *_: self._rung.set())
                    await self._look()
                except Exception as problem:
                    if not is_transient(problem):
                        raise
                    _log.warning("waiting_interrupted", cause=type(problem).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._rung.wait(), LOOK_SECONDS)
        finally:
            if connection is not None:
                connection.terminate()

    async def _look(self) -> None:
        for request_id in await self._decided(list(self._waiters)):
            for decided in self._waiters.get(request_id, ()):
                decided.set()

    async def _decided(self, request_ids: Collection[UUID]) -> list[UUID]:
        """Those that are pending no more, erased ones included."""
        statement = text(
            "SELECT id FROM unnest(CAST(:ids AS uuid[])) AS id"
            " WHERE NOT EXISTS (SELECT FROM link_requests WHERE link_requests.id = id.id AND status = 'pending')"
        )
        async with self._database.transaction() as session:
            return list((await session.execute(statement, {"ids": list(request_ids)})).scalars())
