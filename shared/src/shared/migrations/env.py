"""Alembic's environment: the kernel's branch and one service's branch, under one advisory lock."""

import asyncio
import importlib

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from shared.migrating import MIGRATION_LOCK

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
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        context.run_migrations()


async def main() -> None:
    dsn = config.attributes["dsn"].replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(dsn, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
