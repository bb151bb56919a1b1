"""The three servers of a set: its own, or the ones that the user names in the environment."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka.errors import KafkaError

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
    except* CannotStart as problems:
        raise problems.exceptions[0] from None


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
    if url := os.environ.get(REDIS_URL):
        return url.rstrip("/")
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


async def _reached(variable: str, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except (OSError, TimeoutError, asyncpg.PostgresError, KafkaError) as problem:
        if variable in os.environ:
            raise CannotStart(f"The server that {variable} names does not answer as it should: {problem}") from problem
        raise
