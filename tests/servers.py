"""Where the tests' servers come from: variables, containers (asked for, and an engine answers), the embedded set."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.compose import topics as topics_job
from deploy.embedded import topics
from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import HOST, free_port
from deploy.embedded.postgres import Postgres
from deploy.embedded.redis import Redis
from deploy.embedded.servers import KAFKA, POSTGRES_URL, REDIS_URL
from tests.containers.stand_ins import named_images

BROKER = Path(__file__).resolve().parents[1] / "deploy" / "compose" / "env" / "kafka.env"


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
async def _started(container: Any) -> AsyncIterator[Any]:
    """Its class waits until the server answers, and blocks meanwhile."""
    try:
        yield await asyncio.to_thread(container.start)
    finally:
        await asyncio.to_thread(container.stop)


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
            from testcontainers.community.postgres import PostgresContainer

            settings = "postgres -c fsync=off -c max_connections=300"
            made = PostgresContainer(named_images()["postgres"], driver=None).with_command(settings)
            async with _started(made) as container:
                yield container.get_connection_url().replace("localhost", HOST)
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
            from testcontainers.community.redis import RedisContainer

            async with _started(RedisContainer(named_images()["redis"])) as container:
                yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}"
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
            port = free_port()
            async with _started(_broker(port)):
                differing = await topics_job.make(f"{HOST}:{port}", replication=1, seconds=120)
                assert not differing
                yield f"{HOST}:{port}"
        case _:
            await topics.create(os.environ[KAFKA], topics.read())
            yield os.environ[KAFKA]


def _broker(port: int) -> Any:
    """As docker-compose.yml has it, but reached from this machine; testcontainers' own class is for another image."""
    from testcontainers.core.container import DockerContainer

    lines = (line.partition("=") for line in BROKER.read_text().splitlines() if line and not line.startswith("#"))
    settings = {name: value for name, _, value in lines}
    settings["KAFKA_ADVERTISED_LISTENERS"] = f"PLAINTEXT://{HOST}:{port}"
    settings["KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS"] = "1000"
    return DockerContainer(named_images()["kafka"]).with_bind_ports(9092, port).with_envs(**settings)
