"""Fixtures: the real servers once per run, a database per test, keys, opened services."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from deploy import keys as key_files
from deploy.embedded.servers import KAFKA, POSTGRES_URL, REDIS_URL
from shared.service import Service
from tests import servers
from tests.kit import Databases, Running, running
from tests.observability.canaries import pytest_sessionfinish, pytest_terminal_summary

# No test is timed: an example that is slow to make or to try on a busy machine is no failure.
settings.register_profile("kabinet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kabinet")

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary"]  # hooks of every run


def pytest_report_header() -> str:
    kinds = {"postgres": POSTGRES_URL, "redis": REDIS_URL, "kafka": KAFKA}
    return "servers: " + ", ".join(f"{name} ({servers.source(variable)})" for name, variable in kinds.items())


@pytest.fixture(scope="session")
async def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with servers.postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
async def redis_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with servers.redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with servers.kafka(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
async def databases(postgres_url: str) -> Databases:
    return Databases(postgres_url)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "made"
    key_files.make(folder)
    return folder


@pytest.fixture
async def open_service(databases: Databases, keys: Path) -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """`await open_service(service, **settings)`: the service on a fresh database of its own."""
    async with AsyncExitStack() as stack:

        async def opened(service: Service, **settings: Any) -> Running:
            url = await databases.migrated(service.package)
            stack.push_async_callback(databases.drop, url)
            return await stack.enter_async_context(running(service, url, keys, **settings))

        yield opened
