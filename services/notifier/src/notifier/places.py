"""Places: each worker that delivers holds one as long as it lives, and what a dead one had taken up is given back."""

import asyncio
from secrets import randbelow

import asyncpg
from sqlalchemy import text

from shared.database import Database, affected
from shared.logging import logger
from shared.stopping import any_of

SPACE = 0x706C6163  # "plac": the first key of every place's advisory lock; the second is its number
KEEP_SECONDS = 1.0
AGAIN_SECONDS = 0.5
LOOK_SECONDS = 2.0
LOOKS = 4
"""A worker whose place is found free so many times in a row is dead. Not at the first look: after a restart of
PostgreSQL all places are free, until their living workers have them again a second later."""

_FREE = text("""
    SELECT number FROM (
        SELECT DISTINCT held_by AS number FROM notifications WHERE status = 'queued' AND held_by IS NOT NULL
    ) AS held
    WHERE pg_try_advisory_xact_lock_shared(:space, number)
""")
_GIVE_BACK = text("""
    UPDATE notifications SET held_by = NULL, due_at = now() WHERE status = 'queued' AND held_by = ANY(:dead)
""")
_log = logger(__name__)


class Place:
    """An advisory lock on a connection of its own, under a number drawn by lot that outlives the connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.number = 1 + randbelow(2**31 - 1)
        self.taken = asyncio.Event()
        """While it is not set nothing is taken up: it would be given back at once."""

    async def keep(self, stop: asyncio.Event) -> None:
        """Hold it until `stop`. What is on its way then ends sooner than others would take this worker for dead."""
        while not stop.is_set():
            try:
                connection = await self._database.connect()
                try:
                    await self._hold(connection, stop)
                finally:
                    self.taken.clear()
                    connection.terminate()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
                _log.warning("place_lost", cause=type(problem).__name__)
                await any_of(AGAIN_SECONDS, stop)

    async def _hold(self, connection: asyncpg.Connection, stop: asyncio.Event) -> None:
        # It may be ours still, by a connection of which the server does not know yet that it is lost.
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", SPACE, self.number, timeout=5):
            if await any_of(AGAIN_SECONDS, stop):
                return
        self.taken.set()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        while not await any_of(KEEP_SECONDS, stop, lost):
            await connection.execute("SELECT 1", timeout=5)
        if not stop.is_set():
            raise ConnectionError


class Lookout:
    """Finds dead workers and gives back what they held."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free: dict[int, int] = {}
        """How many times in a row the place of a holder was found free."""

    async def look(self) -> int:
        """One look at every place under which something is taken up; how many notifications were given back.

        The shared lock of a dead place is held while its rows are given back, so that nobody takes the place meanwhile.
        """
        async with self._database.transaction() as session:
            free = set((await session.execute(_FREE, {"space": SPACE})).scalars())
            self._free = {number: self._free.get(number, 0) + 1 for number in free}
            dead = [number for number, looks in self._free.items() if looks >= LOOKS]
            given_back = affected(await session.execute(_GIVE_BACK, {"dead": dead})) if dead else 0
        if given_back:
            _log.warning("given_back", notifications=given_back, workers=len(dead))
        return given_back
