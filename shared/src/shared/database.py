"""The database of one service: an async engine, transactions that ring the relay's doorbell, migrations."""

import importlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import CursorResult, Result, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from shared.doorbell import Doorbell
from shared.keys import PublicKeys
from shared.settings import ServiceSettings

MIGRATION_LOCK = 0x6B616269  # "kabi": one migration at a time, whoever starts it
KERNEL_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """Transactions on the service's own database; every session knows which service speaks and for whom it seals."""

    def __init__(self, settings: ServiceSettings, public_keys: PublicKeys) -> None:
        self.dsn = settings.database_url.get_secret_value()
        self.service = settings.service
        self.public_keys = public_keys
        self._limits = {
            "statement_timeout": str(int(settings.statement_timeout_seconds * 1000)),
            "lock_timeout": str(int(settings.lock_timeout_seconds * 1000)),
            "idle_in_transaction_session_timeout": "30000",
        }
        self.engine = create_async_engine(
            self.dsn.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "server_settings": {
                    "application_name": settings.service,
                    **self._limits,
                },
                "timeout": 5,
                "command_timeout": settings.statement_timeout_seconds + 2,
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=True)
        self.doorbell = Doorbell(self.connect)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Commit on leaving, roll back on any exception; after the commit the relay is woken if something was said."""
        async with self._sessions() as session:
            session.info["database"] = self
            async with session.begin():
                yield session
            if session.info.get("published"):
                self.doorbell.ring()

    async def connect(self) -> asyncpg.Connection:
        """A connection outside the pool, for LISTEN, COPY and locks that outlive a transaction; the caller ends it."""
        return await asyncpg.connect(
            self.dsn,
            timeout=5,
            server_settings={"application_name": f"{self.service} (own)"},
        )

    async def close(self) -> None:
        await self.doorbell.close()
        await self.engine.dispose()


def affected(result: Result[Any]) -> int:
    """How many rows an UPDATE, INSERT or DELETE touched."""
    assert isinstance(result, CursorResult)
    return result.rowcount


def _alembic(service_package: str, dsn: str) -> Config:
    package = Path(str(importlib.import_module(service_package).__file__)).parent
    installed, in_repository = package / "migrations", package.parents[1] / "migrations"
    own = installed if installed.is_dir() else in_repository
    config = Config()
    config.set_main_option("script_location", str(KERNEL_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option(
        "version_locations",
        f"{KERNEL_MIGRATIONS / 'versions'}{os.pathsep}{own / 'versions'}",
    )
    config.attributes["service_package"] = service_package
    config.attributes["dsn"] = dsn
    return config


def migrate(service_package: str, dsn: str, revision: str = "heads") -> None:
    """Bring the schema to `revision`, or back down to it. Safe to start from several places at once."""
    config = _alembic(service_package, dsn)
    if revision == "base":
        command.downgrade(config, "base")
    else:
        command.upgrade(config, revision)


def autogenerate(service_package: str, dsn: str, message: str) -> None:
    """Write a new migration of the service's own branch from the difference between its tables and the database."""
    config = _alembic(service_package, dsn)
    command.revision(config, message, autogenerate=True, head=f"{service_package}@head")


def check(service_package: str, dsn: str) -> None:
    """Raise where the tables in code and the migrated database differ."""
    command.check(_alembic(service_package, dsn))


@dataclass(frozen=True)
class Schema:
    """The revisions that this release knows: `heads` are those that it needs."""

    heads: frozenset[str]
    known: frozenset[str]

    @classmethod
    def of(cls, service_package: str) -> "Schema":
        scripts = ScriptDirectory.from_config(_alembic(service_package, ""))
        return cls(frozenset(scripts.get_heads()), frozenset(one.revision for one in scripts.walk_revisions()))

    async def suits(self, session: AsyncSession) -> bool:
        """False where the database is older. A revision that is not known here is a newer release's, and suits."""
        found = set((await session.execute(text("SELECT version_num FROM alembic_version"))).scalars())
        return len(found) >= len(self.heads) and not (found & self.known) - self.heads
