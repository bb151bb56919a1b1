"""The three servers of a set: its own, or the ones that the user names in the environment."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from aiokafka.errors import KafkaError
from redis.asyncio import Redis as Client
from redis.exceptions import RedisError

from deploy.embedded import databases, topics
from deploy.embedded.children import CannotStart, Child
from deploy.embedded.environment import Secrets
from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import HOST
from deploy.embedded.postgres import Postgres
from deploy.embedded.redis import Redis

POSTGRES_URL = "KABINET_POSTGRES_URL"
REDIS_URL = "KABINET_REDIS_URL"
KAFKA = "KABINET_KAFKA"

OWN_PORTS = {POSTGRES_URL: ("postgres",), REDIS_URL: ("redis",), KAFKA: ("kafka", "kafka-controller")}
"""The ports that the set does not open itself where the variable names a server."""


EXAMPLES = {
    POSTGRES_URL: "postgresql://superuser:password@host:port/postgres",
    REDIS_URL: "redis://:password@host:port",
    KAFKA: "host:port",
}


@dataclass(frozen=True)
class Part:
    """A child and how to see that it answers."""

    child: Child
    ready: Callable[[], Awaitable[bool]]


Keep = Callable[[Part], None]
"""Takes charge of a part before it is started, so that it is stopped whatever comes."""


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """All at once. The first that cannot start ends the others, and is what the caller gets."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as problems:  # not `except*`, which would put what is raised inside it into a group again
        if found := problems.subgroup(CannotStart):
            raise found.exceptions[0] from None
        raise


async def postgres(folder: Path, port: int, known: Secrets, keep: Keep) -> str:
    """The superuser's URL; every service's role and database are there."""
    if not (url := os.environ.get(POSTGRES_URL, "")):
        server = Postgres(folder / "postgres", port, folder / "logs" / "postgres.log")
        keep(Part(server.child, server.ready))
        await server.start()
        url = server.url
    await _reached(POSTGRES_URL, databases.prepare(url, known.databases))
    return url


async def redis(folder: Path, port: int, keep: Keep) -> str:
    """The URL without a database number."""
    if url := os.environ.get(REDIS_URL, "").rstrip("/"):
        if urlsplit(url).path:
            raise CannotStart(f"{REDIS_URL} must name a server without a database's number: {EXAMPLES[REDIS_URL]}")
        await _reached(REDIS_URL, _redis_answers(url))
        return url
    server = Redis(folder / "redis", port, folder / "logs" / "redis.log")
    keep(Part(server.child, server.ready))
    await server.start()
    return server.url


def kafka_bootstrap(port: int) -> str:
    return os.environ.get(KAFKA) or f"{HOST}:{port}"


async def kafka(folder: Path, port: int, controller_port: int, keep: Keep, say: Callable[[str], None]) -> None:
    """Afterwards the broker answers and has every topic."""
    if not os.environ.get(KAFKA):
        server = Kafka(folder / "kafka", port, controller_port, folder / "logs" / "kafka.log", say=say)
        keep(Part(server.child, server.ready))
        await server.start()
    await _reached(KAFKA, topics.create(kafka_bootstrap(port), topics.read()))


async def _redis_answers(url: str) -> None:
    async with Client.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
        await client.ping()


async def _reached(variable: str, work: Coroutine[Any, Any, None]) -> None:
    """Does the work; where the user named the server, its failure is one line that names the variable."""
    try:
        await work
    except (
        *(OSError, TimeoutError, ValueError),  # ValueError: the variable cannot be read as an address
        *(asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, KafkaError),
    ) as problem:
        if not os.environ.get(variable):
            raise
        why = str(problem).partition("\n")[0] or "no answer in time"
        raise CannotStart(
            f"The server that {variable} names cannot be used: {why}. It should read {EXAMPLES[variable]}, "
            "and answer; without the variable the set starts a server of its own."
        ) from problem
