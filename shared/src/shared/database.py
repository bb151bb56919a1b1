"""The database of one service: transactions that ring the relay's doorbell, single statements, its revisions."""

import importlib
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import CursorResult, Result, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from shared import metrics
from shared.doorbell import Doorbell
from shared.failpoints import point
from shared.keys import PublicKeys
from shared.settings import ServiceSettings

KERNEL_MIGRATIONS = Path(__file__).parent / "migrations"
IDLE_SECONDS = 1.0
_REVISION = re.compile(r"""^revision: str = ["'](\w+)["']""", re.MULTILINE)
_FOLLOWS = re.compile(r"""^down_revision: str \| None = ["'](\w+)["']""", re.MULTILINE)


_WAIT = {name: metrics.connection_wait.labels(name) for name in ("transactions", "statements")}


class Database:
    """Transactions on the service's own database; every session knows which service speaks and for whom it seals."""

    def __init__(self, settings: ServiceSettings, public_keys: PublicKeys) -> None:
        self.dsn = settings.database_url.get_secret_value()
        self.service = settings.service
        self.public_keys = public_keys
        connecting: dict[str, Any] = {
            "server_settings": {
                "application_name": settings.service,
                "statement_timeout": str(int(settings.statement_timeout_seconds * 1000)),
                "lock_timeout": str(int(settings.lock_timeout_seconds * 1000)),
                "idle_in_transaction_session_timeout": "30000",
            },
            "timeout": 5,
            "command_timeout": settings.statement_timeout_seconds + 2,
        }
        # asyncpg reads the URL by itself, as it knows libpq's words in it (sslmode, sslrootcert).
        self.engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=partial(asyncpg.connect, self.dsn, **connecting),
            poolclass=MeasuredPool,
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        ping_idle_only(self.engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=True)
        # A single statement leaves nothing in its session that would have to be reset.
        self._single = asyncpg.create_pool(
            self.dsn, min_size=0, max_size=settings.database_pool_size, reset=_nothing_to_reset, **connecting
        )
        self.doorbell = Doorbell(self.connect)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Commit on leaving, roll back on any exception; after the commit the relay is woken if something was said."""
        async with self._sessions() as session:
            session.info["database"] = self
            async with session.begin():
                yield session
                await session.flush()
                await point("database.flushed")
            await point("database.committed")
            if session.info.get("published"):
                self.doorbell.ring()
            for act in session.info.get("after_commit", ()):
                act()

    async def fetchrow(self, statement: str, *values: Any) -> asyncpg.Record | None:
        """The first row of a statement that stands alone and commits by itself; values as asyncpg's `$1`, `$2`.

        One round trip, where a transaction around it would be three, and without SQLAlchemy's half millisecond. It may
        wait for a connection as long as the statements of others take; a request has a limit of its own.
        """
        pool, began = await self._single, time.perf_counter()
        async with pool.acquire() as connection:
            _WAIT["statements"].observe(time.perf_counter() - began)
            row = await connection.fetchrow(statement, *values)
            await point("database.committed")
            return row

    async def connect(self) -> asyncpg.Connection:
        """A connection outside the pool, for LISTEN, COPY and locks that outlive a transaction; the caller ends it."""
        return await asyncpg.connect(
            self.dsn,
            timeout=5,
            server_settings={"application_name": f"{self.service} (own)"},
        )

    async def measure(self) -> None:
        """Bring the gauges of the pools up to date."""
        transactions, single = self.engine.pool, await self._single
        assert isinstance(transactions, MeasuredPool)
        for name, used, most in (
            ("transactions", transactions.checkedout(), transactions.size()),
            ("statements", single.get_size() - single.get_idle_size(), single.get_max_size()),
        ):
            metrics.connections.labels(name).set(used)
            metrics.connections_limit.labels(name).set(most)

    async def close(self) -> None:
        await self.doorbell.close()
        await (await self._single).close()
        await self.engine.dispose()


class MeasuredPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool, which tells how long callers wait for a connection; opening one is a part of it."""

    def _do_get(self) -> ConnectionPoolEntry:
        with _WAIT["transactions"].time():
            return super()._do_get()


def after_commit(session: AsyncSession, act: Callable[[], None]) -> None:
    """Do it once the session's transaction is committed, as counting what happened; never where it is rolled back."""
    session.info.setdefault("after_commit", []).append(act)


def ping_idle_only(engine: AsyncEngine) -> None:
    """Ask a pooled connection whether it lives only after `IDLE_SECONDS`: a round trip for each transaction otherwise.

    Before that it is asked what it knows by itself: a server that went away has closed it.
    """
    used = WeakKeyDictionary[Any, float]()
    ask = engine.sync_engine.dialect.do_ping

    def do_ping(connection: Any) -> bool:
        driver = connection.driver_connection
        recent = time.monotonic() - used.get(driver, 0.0) < IDLE_SECONDS
        return (recent and not driver.is_closed()) or ask(connection)

    def note(connection: Any, _record: Any) -> None:
        if connection is not None:  # one that was found broken is gone by then
            used[connection.driver_connection] = time.monotonic()

    engine.sync_engine.dialect.do_ping = do_ping  # type: ignore[assignment,method-assign]
    event.listen(engine.sync_engine, "checkin", note)


async def _nothing_to_reset(_connection: object) -> None:
    pass


def affected(result: Result[Any]) -> int:
    """How many rows an UPDATE, INSERT or DELETE touched."""
    assert isinstance(result, CursorResult)
    return result.rowcount


def migration_folders(service_package: str) -> tuple[Path, Path]:
    """The kernel's and the service's: beside its package where it was installed, beside `src` in a checkout."""
    package = Path(str(importlib.import_module(service_package).__file__)).parent
    installed, in_checkout = package / "migrations", package.parents[1] / "migrations"
    own = installed if installed.is_dir() else in_checkout
    return KERNEL_MIGRATIONS / "versions", own / "versions"


@dataclass(frozen=True)
class Schema:
    """The revisions that this release knows: `heads` are those that it needs."""

    heads: frozenset[str]
    known: frozenset[str]

    @classmethod
    def of(cls, service_package: str) -> "Schema":
        """Read from the migrations' own lines: a process that only serves does not load alembic (11 MiB, 0.3 s)."""
        texts = [file.read_text() for folder in migration_folders(service_package) for file in folder.glob("*.py")]
        revisions = {name for text_ in texts for name in _REVISION.findall(text_)}
        followed = {name for text_ in texts for name in _FOLLOWS.findall(text_)}
        return cls(heads=frozenset(revisions - followed), known=frozenset(revisions))

    async def suits(self, session: AsyncSession) -> bool:
        """False where the database is older or empty. A revision that is unknown here is a newer release's: fine."""
        if await session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return False
        found = set((await session.execute(text("SELECT version_num FROM alembic_version"))).scalars())
        return len(found) >= len(self.heads) and not (found & self.known) - self.heads
