"""Where the tests' servers come from: variables, containers (asked for, and an engine answers), the embedded set."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.embedded import topics
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from deploy.embedded.redis import Redis
from deploy.embedded.servers import KAFKA, POSTGRES_URL, REDIS_URL


def source(variable: str) -> str:
    """What a run's header says of one server."""
    if os.environ.get(variable):
        return f"{variable}"
    return "containers" if containers() else "embedded"


def containers() -> bool:
    """Asked for by KABINET_CONTAINERS=1, and a Docker engine answers."""
    if os.environ.get("KABINET_CONTAINERS") != "1":
        return False
    import docker

    try:
        return bool(docker.from_env(timeout=5).ping())
    except docker.errors.DockerException:
        return False


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[str]:
    """A superuser's URL."""
    match source(POSTGRES_URL):
        case "embedded":
            server = Postgres(folder, options={"fsync": "off", "max_connections": "300"})
            await server.start()
            yield server.url
            await server.child.stop()
        case "containers":
            from testcontainers.postgres import PostgresContainer

            container = PostgresContainer("postgres:18", driver=None).with_command("-c max_connections=300")
            await asyncio.to_thread(container.start)
            yield container.get_connection_url().replace("localhost", "127.0.0.1")
            await asyncio.to_thread(container.stop)
        case _:
            yield os.environ[POSTGRES_URL]


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[str]:
    """A URL without a database number."""
    match source(REDIS_URL):
        case "embedded":
            server = Redis(folder)
            await server.start()
            yield server.url
            await server.stop()
        case "containers":
            from testcontainers.redis import RedisContainer

            container = RedisContainer("redis:8")
            await asyncio.to_thread(container.start)
            yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}"
            await asyncio.to_thread(container.stop)
        case _:
            yield os.environ[REDIS_URL].rstrip("/")


@asynccontextmanager
async def kafka(folder: Path) -> AsyncIterator[str]:
    """Bootstrap servers of a broker that has every topic of deploy/topics.yaml."""
    match source(KAFKA):
        case "embedded":
            server = Kafka(folder)
            await server.start()
            await topics.create(server.bootstrap, topics.read())
            yield server.bootstrap
            await server.stop()
        case "containers":
            from testcontainers.kafka import KafkaContainer

            container = KafkaContainer().with_kraft()
            await asyncio.to_thread(container.start)
            await topics.create(container.get_bootstrap_server(), topics.read())
            yield container.get_bootstrap_server()
            await asyncio.to_thread(container.stop)
        case _:
            await topics.create(os.environ[KAFKA], topics.read())
            yield os.environ[KAFKA]
