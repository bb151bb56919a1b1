"""verification, opened on a database and a Redis of its own; figures that tests print."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.redis import Redis
from tests.kit import Running
from verification.main import service

Open = Callable[..., Awaitable[Running]]


@pytest.fixture
async def open_verification(open_service: Callable[..., Awaitable[Running]], redis_url: str) -> Open:
    """verification with other settings than the defaults.

    Everything has its time: hundreds of calls in one process wait for the processor, and not for a server. The bound on
    Redis is measured where Redis is stopped.
    """

    async def opened(**settings: Any) -> Running:
        patient = dict.fromkeys(("redis_timeout_seconds", "request_seconds", "lock_timeout_seconds"), 60)
        patient |= {"statement_timeout_seconds": 60, "database_pool_size": 20}
        return await open_service(service, **{"redis_url": f"{redis_url}/0", **patient, **settings})

    return opened


@pytest.fixture
async def verification(open_verification: Open) -> Running:
    return await open_verification()


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[Redis]:
    """A Redis that a test may break."""
    server = Redis(tmp_path / "redis")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a figure past pytest's capture."""

    def told(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {line}")
            sys.stdout.flush()

    return told
