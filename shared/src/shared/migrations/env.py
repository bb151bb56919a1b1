"""Alembic's environment: the kernel's branch and one service's branch, under one advisory lock."""

import asyncio
import importlib
from functools import partial

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from shared.migrating import LOCK_SECONDS, MIGRATION_LOCK

config = context.config
package = config.attributes["service_package"]
importlib.import_module("shared.tables")
importlib.import_module(f"{package}.tables")
# One process may have imported several services (the tests do): a database holds only its own service's tables.
MINE = {
    str(mapper.class_.__tablename__)
    for mapper in SQLModel._sa_registry.mappers
    if mapper.class_.__module__.split(".")[0] in ("shared", package)
}


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        include_object=lambda item, name, kind, reflected, other: kind != "table" or reflected or name in MINE,
        compare_server_default=True,
    )
    with context.begin_transaction():
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        context.run_migrations()


async def main() -> None:
    connect = partial(asyncpg.connect, config.attributes["dsn"])  # as the service does
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
