"""Migrations: they match the tables, go down and up again, and every table's name is unique in the repository."""

import asyncio
from typing import Any

import asyncpg
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from shared.database import Schema, migration_folders
from shared.migrating import check, config_for, migrate
from shared.service import Service
from tests.kit import Databases

COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY 1, 2"
)
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
CONSTRAINTS = (
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1"
)


async def drawn(url: str) -> list[Any]:
    """The whole schema as PostgreSQL tells it."""
    connection = await asyncpg.connect(url)
    try:
        return [[tuple(row) for row in await connection.fetch(query)] for query in (COLUMNS, INDEXES, CONSTRAINTS)]
    finally:
        await connection.close()


async def test_migrations_match_the_tables_and_go_down_and_up_again(service: Service, databases: Databases) -> None:
    url = await databases.empty(f"schema_of_{service.package}")
    await asyncio.to_thread(migrate, service.package, url)
    first = await drawn(url)
    await asyncio.to_thread(check, service.package, url)

    await asyncio.to_thread(migrate, service.package, url, "base")
    assert {row[0] for row in (await drawn(url))[0]} == {"alembic_version"}

    await asyncio.to_thread(migrate, service.package, url)
    assert await drawn(url) == first
    await databases.drop(url)


def test_release_knows_its_revisions_as_alembic_does(service: Service) -> None:
    scripts = ScriptDirectory.from_config(config_for(service.package, ""))

    schema = Schema.of(service.package)

    assert schema.heads == set(scripts.get_heads())
    assert schema.known == {script.revision for script in scripts.walk_revisions()}


def test_each_service_has_one_branch_beside_the_kernels(service: Service) -> None:
    assert len(Schema.of(service.package).heads) == 2


def test_no_table_belongs_to_two_packages(service: Service) -> None:
    tables = [mapper.class_ for mapper in SQLModel._sa_registry.mappers]
    names = [str(table.__tablename__) for table in tables]

    assert len(names) == len(set(names))


def test_every_time_has_its_zone(service: Service) -> None:
    texts = [file.read_text() for folder in migration_folders(service.package) for file in folder.glob("*.py")]

    assert texts
    assert all("sa.DateTime()" not in text for text in texts)
