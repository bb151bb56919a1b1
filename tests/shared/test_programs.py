"""Programs as real processes on real servers: start, serve, stop in time, die and go on."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx2
import pytest

from deploy.embedded.ports import free_port
from deploy.embedded.topics import FILE
from tests.kit import Databases, eventually

STOP_SECONDS = 10
SLOW = b"POST /v1/codes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
"""The begin of a request whose body does not come."""


@pytest.fixture
async def environment(databases: Databases, keys: Path, redis_url: str, kafka: str) -> AsyncIterator[dict[str, str]]:
    url = await databases.migrated("verification")
    yield {
        "PATH": os.environ["PATH"],
        "VERIFICATION_DATABASE_URL": url,
        "VERIFICATION_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "VERIFICATION_REDIS_URL": f"{redis_url}/0",
        "VERIFICATION_PUBLIC_KEYS_FILE": str(keys / "public.jwks.json"),
        "VERIFICATION_PRIVATE_KEYS_FILE": str(keys / "verification.private.jwks.json"),
        "VERIFICATION_TOPICS_FILE": str(FILE),
        "VERIFICATION_HTTP_PORT": str(free_port()),
        "VERIFICATION_WORKER_PORT": str(free_port()),
    }
    await databases.drop(url)


@asynccontextmanager
async def program(environment: Mapping[str, str], *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`verification …` as a process; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "verification",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answers(port: str, path: str = "/livez") -> bool:
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}{path}")).status_code == 200
        except httpx2.TransportError:
            return False


async def stopped(
    process: asyncio.subprocess.Process, number: signal.Signals = signal.SIGTERM
) -> tuple[int, float, str]:
    """Its exit code, the seconds that its end took, and what it said."""
    begun = time.monotonic()
    process.send_signal(number)
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, time.monotonic() - begun, said.decode()


async def ask_for_code(port: str, phone: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.post(f"http://127.0.0.1:{port}/v1/codes", json={"phone": phone, "purpose": "registration"})


async def unsent(environment: Mapping[str, str]) -> list[bool]:
    connection = await asyncpg.connect(environment["VERIFICATION_DATABASE_URL"])
    try:
        return [row["unsent"] for row in await connection.fetch("SELECT sent_at IS NULL AS unsent FROM outbox")]
    finally:
        await connection.close()


@pytest.mark.parametrize(("command", "port"), [("serve", "HTTP"), ("api", "HTTP"), ("worker", "WORKER")])
@pytest.mark.parametrize("broker", ["there", "away"])
async def test_program_ends_in_time_when_asked(
    environment: dict[str, str], command: str, port: str, broker: str
) -> None:
    if broker == "away":
        environment["VERIFICATION_KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    async with program(environment, command) as process:
        await eventually(lambda: answers(environment[f"VERIFICATION_{port}_PORT"], "/readyz"), 20)
        if command == "serve":
            assert (await ask_for_code(environment["VERIFICATION_HTTP_PORT"], "+79123456789")).status_code == 202

        code, seconds, said = await stopped(process)

    assert (code, seconds < STOP_SECONDS) == (0, True), said
    assert "Traceback" not in said
    assert all(line.startswith("{") for line in said.splitlines()), said


async def test_served_code_reaches_kafka(environment: dict[str, str]) -> None:
    async with program(environment, "serve"):
        await eventually(lambda: answers(environment["VERIFICATION_HTTP_PORT"]), 20)
        await ask_for_code(environment["VERIFICATION_HTTP_PORT"], "+79123456789")

        async def sent() -> bool:
            return await unsent(environment) == [False]

        await eventually(sent)


async def test_ctrl_c_ends_it_too(environment: dict[str, str]) -> None:
    async with program(environment, "serve") as process:
        await eventually(lambda: answers(environment["VERIFICATION_HTTP_PORT"]), 20)

        code, _, said = await stopped(process, signal.SIGINT)

    assert code == 0, said


async def test_taken_port_is_one_line_and_exit_2(environment: dict[str, str]) -> None:
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", int(environment["VERIFICATION_HTTP_PORT"]))
    async with listening, program(environment, "serve") as process:
        said, _ = await asyncio.wait_for(process.communicate(), 30)

    lines = [line for line in said.decode().splitlines() if not line.startswith("{")]
    assert (process.returncode, len(lines)) == (2, 1)
    assert environment["VERIFICATION_HTTP_PORT"] in lines[0]


@pytest.mark.parametrize("command", ["serve", "migrate", "worker"])
async def test_missing_setting_is_named_and_exit_2(environment: dict[str, str], command: str) -> None:
    del environment["VERIFICATION_DATABASE_URL"]
    async with program(environment, command) as process:
        said, _ = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 2
    assert said.decode().splitlines()[0] == "VERIFICATION_DATABASE_URL: is not set"


async def test_missing_keys_are_one_line_and_exit_2(environment: dict[str, str]) -> None:
    environment["VERIFICATION_PRIVATE_KEYS_FILE"] = "/nowhere/verification.private.jwks.json"
    async with program(environment, "serve") as process:
        said, _ = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 2
    last = said.decode().splitlines()[-1]
    assert last.startswith("VERIFICATION_PRIVATE_KEYS_FILE: /nowhere/verification.private.jwks.json cannot be read")
    assert "make keys" in last


async def test_request_that_comes_too_slowly_is_cut(environment: dict[str, str]) -> None:
    environment["VERIFICATION_REQUEST_SECONDS"] = "0.5"
    port = environment["VERIFICATION_HTTP_PORT"]
    async with program(environment, "api"):
        await eventually(lambda: answers(port), 20)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(SLOW)
        await writer.drain()

        answer = await asyncio.wait_for(reader.read(), 10)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    writer.close()


async def test_caller_who_goes_away_leaves_no_error(environment: dict[str, str]) -> None:
    port = environment["VERIFICATION_HTTP_PORT"]
    async with program(environment, "api") as process:
        await eventually(lambda: answers(port), 20)
        for _ in range(5):
            _reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
            head = (
                "POST /v1/codes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
            writer.write(head.encode())
            await writer.drain()
            writer.transport.abort()
        assert await answers(port)

        _, _, said = await stopped(process)

    assert '"level": "error"' not in said
    assert "Traceback" not in said


HOUR_AGO = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
COMMANDS = [("dead-letters", "list"), ("outbox", "resend", "--since", HOUR_AGO), ("migrate",)]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mistake", ["away", "password", "unknown"])
async def test_database_that_cannot_be_had_is_one_line_and_exit_2(
    environment: dict[str, str], command: tuple[str, ...], mistake: str
) -> None:
    url = environment["VERIFICATION_DATABASE_URL"]
    wrong = {
        "away": "postgresql://verification:x@127.0.0.1:1/verification",
        "password": re.sub(r":[^:@/]+@", ":guessed@", url),
        "unknown": url + "_of_nobody",
    }
    code, said = await said_by({**environment, "VERIFICATION_DATABASE_URL": wrong[mistake]}, *command)

    assert (code, len(said.splitlines())) == (2, 1), said
    assert said.startswith("VERIFICATION_DATABASE_URL: the database cannot be reached (")
    assert "guessed" not in said


async def test_database_without_a_schema_is_told_to_migrate(environment: dict[str, str], databases: Databases) -> None:
    empty = await databases.empty("test_programs_unmigrated")

    code, said = await said_by({**environment, "VERIFICATION_DATABASE_URL": empty}, "dead-letters", "list")

    await databases.drop(empty)
    assert (code, len(said.splitlines())) == (2, 1), said
    assert "run `verification migrate` first" in said


async def test_revision_that_is_unknown_is_one_line_and_exit_2(environment: dict[str, str]) -> None:
    code, said = await said_by(environment, "migrate", "nonsense")

    assert (code, len(said.splitlines())) == (2, 1), said
    assert said.startswith("migrate nonsense: ")


@pytest.mark.parametrize("limit", ["0", "-1"])
async def test_limit_that_would_show_nothing_is_refused(environment: dict[str, str], limit: str) -> None:
    code, said = await said_by(environment, "dead-letters", "list", "--limit", limit)

    assert code == 2
    assert "--limit" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["identity", "verification", "billing_link", "notifier", "portal"])
async def test_help_begins_with_what_the_program_is(name: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", name, "--help"),
        env={"PATH": os.environ["PATH"], "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await asyncio.wait_for(process.communicate(), 30))[0].decode()

    usage, about = [line.strip() for line in said.splitlines() if line.strip()][:2]
    assert usage.startswith("Usage:")
    assert re.fullmatch(r"[A-Z].{20,}\.", about), about
    assert "`" not in said


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("identity", ("import-legacy", "users.csv")), ("billing_link", ("import", "--payments", "payments.csv"))],
)
async def test_import_without_a_database_is_one_line_and_exit_2(
    keys: Path, name: str, arguments: tuple[str, ...]
) -> None:
    prefix = name.upper()
    variables = {
        "PATH": os.environ["PATH"],
        f"{prefix}_DATABASE_URL": "postgresql://somebody:x@127.0.0.1:1/nothing",
        f"{prefix}_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        f"{prefix}_PUBLIC_KEYS_FILE": str(keys / "public.jwks.json"),
        f"{prefix}_PRIVATE_KEYS_FILE": str(keys / f"{name.replace('_', '-')}.private.jwks.json"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", name, *arguments),
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await asyncio.wait_for(process.communicate(), 30))[0].decode()

    assert (process.returncode, len(said.splitlines())) == (2, 1), said
    assert said.startswith(f"{prefix}_DATABASE_URL: the database cannot be reached")


async def test_taken_port_of_the_portal_is_one_line_and_exit_2(keys: Path) -> None:
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = str(listening.sockets[0].getsockname()[1])
    variables = {
        "PATH": os.environ["PATH"],
        "PORTAL_HTTP_PORT": port,
        "PORTAL_PUBLIC_URL": "https://lk.example.ru",
        "PORTAL_REDIS_URL": "redis://127.0.0.1:1/0",
        **{f"PORTAL_{name}_URL": "http://a" for name in ("IDENTITY", "VERIFICATION", "BILLING_LINK", "NOTIFIER")},
        "PORTAL_PUBLIC_KEYS_FILE": str(keys / "public.jwks.json"),
        "PORTAL_PRIVATE_KEYS_FILE": str(keys / "portal.private.jwks.json"),
    }
    async with listening:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal", "serve"),
            env=variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await asyncio.wait_for(process.communicate(), 30))[0].decode()

    lines = [line for line in said.splitlines() if not line.startswith("{")]
    assert (process.returncode, len(lines)) == (2, 1), said
    assert port in lines[0]


async def said_by(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    async with program(environment, *arguments) as process:
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, said.decode()
