"""identity as a program of its own on a database of its own, with people in it, for loads and measurements."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from uuid_utils.compat import uuid7

from deploy.embedded.ports import free_port
from identity.main import service
from tests.bench.calls import Calls
from tests.bench.servers import Bench
from tests.kit import Running, eventually, running

PASSWORD = "синий трамвай едет в депо"
WRONG = "зелёный автобус стоит у парка"
UNLIMITED = {"guesses_per_login": 10**6, "guesses_per_address_minute": 10**6, "guesses_in_a_row": 10**6}
_INSERT = (
    "INSERT INTO users (id, login, login_key, status, password_hash, password_weak, email, email_confirmed_at, locale,"
    " origin) SELECT id, login, login, $3, $4, false, login || '@example.org', now(), 'ru', $5"
    " FROM unnest($1::uuid[], $2::text[]) AS person (id, login)"
)


@dataclass
class Identities:
    """The program; `inside` is the same service opened in this process, to look and to prepare."""

    port: int
    pid: int
    inside: Running

    def calls(self) -> Calls:
        return Calls(self.port)

    async def people(self, logins: Sequence[str], status: str = "active", origin: str = "registered") -> None:
        """Written as they would be, all with one password, whose hash is made once."""
        password_hash = await self.inside.wired.passwords.hash_password(PASSWORD)
        connection = await self.inside.kernel.database.connect()
        try:
            ids = [uuid7() for _ in logins]
            await connection.execute(_INSERT, ids, list(logins), status, password_hash, origin)
        finally:
            await connection.close()

    async def tokens(self, login: str) -> dict[str, Any]:
        async with self.calls() as calls:
            answer = await calls.post("/v1/sessions", {"login": login, "password": PASSWORD})
            assert answer.status == 201, answer.body
            return dict(answer.json)


@asynccontextmanager
async def identities(bench: Bench, **settings: Any) -> AsyncIterator[Identities]:
    url, port = await bench.databases.migrated("identity"), free_port()
    values = {
        "database_url": url,
        "http_port": port,
        "kafka_bootstrap_servers": bench.kafka.bootstrap,
        "public_keys_file": bench.keys / "public.jwks.json",
        "private_keys_file": bench.keys / "identity.private.jwks.json",
        "log_level": "ERROR",
        **UNLIMITED,
        **settings,
    }
    environment = {f"IDENTITY_{name.upper()}": str(value) for name, value in values.items()}
    try:
        async with (
            running(service, url, bench.keys, **settings) as inside,
            program(("-m", "identity", "api"), environment, port) as pid,
        ):
            yield Identities(port, pid, inside)
    finally:
        await bench.databases.drop(url)


@asynccontextmanager
async def program(python: Sequence[str], environment: Mapping[str, str], port: int) -> AsyncIterator[int]:
    """A program that answers on the port; ended at the end. Gives its pid."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *python, env={"PATH": os.environ["PATH"], **environment}, stdout=asyncio.subprocess.DEVNULL
    )

    async def answers() -> bool:
        assert process.returncode is None, "it ended"
        try:
            async with Calls(port) as calls:
                return (await calls.get("/livez")).status in (200, 404)
        except OSError:
            return False

    try:
        await eventually(answers, 60)
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
