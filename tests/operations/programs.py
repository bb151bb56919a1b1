"""The commands of the pages, run as they stand there, against a running set."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from deploy.embedded import environment
from deploy.embedded.launcher import PROGRAMS, ROOT, EmbeddedSet
from deploy.embedded.postgres import program
from tests.kit import eventually

COMMAND_SECONDS = 60.0


async def said(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    """What a command says; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        env=env,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
    assert process.returncode == 0, f"{' '.join(map(str, command[:4]))}: {output.decode()}"
    return output.decode()


async def service(kabinet: EmbeddedSet, name: str, *arguments: str | Path) -> str:
    """A service's own command, with its settings alone."""
    return await said(PROGRAMS / name, *arguments, env=environment.for_service(name, kabinet.env))


async def module(*arguments: str | Path) -> str:
    """`python -m deploy.…`."""
    return await said(sys.executable, "-m", *arguments)


def database_url(kabinet: EmbeddedSet, name: str) -> str:
    return kabinet.env[f"{environment.prefix(name)}DATABASE_URL"]


async def dumped(kabinet: EmbeddedSet, name: str, file: Path) -> Path:
    """A backup of one service's database, taken while it works."""
    await said(program("pg_dump"), "--format=custom", f"--file={file}", database_url(kabinet, name))
    return file


async def put_back(kabinet: EmbeddedSet, name: str, file: Path) -> None:
    """The backup in the place of the database, while nothing of the service runs."""
    url = database_url(kabinet, name)
    await said(program("psql"), "--quiet", url, "--command=DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await said(program("pg_restore"), "--no-owner", "--exit-on-error", f"--dbname={url}", file)


async def rows(kabinet: EmbeddedSet, name: str, sql: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url(kabinet, name))
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()


async def emptied(kabinet: EmbeddedSet, name: str, sql: str, seconds: float = 30) -> None:
    """Until the query counts nothing any more."""

    async def none() -> bool:
        return bool((await rows(kabinet, name, sql))[0][0] == 0)

    await eventually(none, seconds)


async def all_sent(kabinet: EmbeddedSet, *names: str) -> None:
    for name in names:
        await emptied(kabinet, name, "SELECT count(*) FROM outbox WHERE sent_at IS NULL")
