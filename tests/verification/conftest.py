"""verification, opened on a database and a Redis of its own."""

from collections.abc import Awaitable, Callable

import pytest

from tests.kit import Running
from verification.main import service


@pytest.fixture
async def verification(open_service: Callable[..., Awaitable[Running]], redis_url: str) -> Running:
    return await open_service(service, redis_url=f"{redis_url}/0")
