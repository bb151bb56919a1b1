"""Desks: services that exist only in a test, on real PostgreSQL and Kafka."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from deploy.embedded.kafka import Kafka
from tests.kit import Databases, Running, running
from tests.shared.desk import EFFECTS, Desk, make_topic, open_desk
from tests.shared.room import room as room_service

NO_REDIS = "redis://127.0.0.1:1/0"
OpenDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def desk_of(databases: Databases, keys: Path) -> AsyncIterator[OpenDesk]:
    """`await desk_of(kafka, partitions=4, max_message_bytes="…")`: a desk whose topic is made so; "" is no broker."""
    async with AsyncExitStack() as stack:

        async def opened(kafka: str, partitions: int = 4, **configuration: str) -> Desk:
            url = await databases.migrated("verification")  # for the kernel's tables; its own stay unused
            stack.push_async_callback(databases.drop, url)
            name = f"desk-{uuid7().hex[-12:]}"
            desk = await open_desk(name, url, keys, kafka, partitions)
            stack.push_async_callback(desk.database.close)
            await _execute(desk, EFFECTS)
            if kafka:
                await make_topic(kafka, desk.topic, partitions, **configuration)
            return desk

        yield opened


@pytest.fixture
async def desk(desk_of: OpenDesk, kafka: str) -> Desk:
    return await desk_of(kafka)


async def _execute(desk: Desk, statement: str) -> None:
    connection = await desk.database.connect()
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def open_room(open_service: Callable[..., Awaitable[Running]]) -> Callable[..., Awaitable[Running]]:
    """`await open_room(**settings)`: the service of `tests/shared/room.py`, its HTTP served in this process."""

    async def open_it(**settings: Any) -> Running:
        opened = await open_service(room_service, redis_url=NO_REDIS, **settings)
        connection = await opened.kernel.database.connect()
        await connection.execute(EFFECTS)
        await connection.close()
        return opened

    return open_it


@pytest.fixture
async def room_without_database(keys: Path) -> AsyncIterator[Running]:
    async with running(room_service, "postgresql://nobody:x@127.0.0.1:1/none", keys, redis_url=NO_REDIS) as opened:
        yield opened


@pytest.fixture
async def room(open_room: Callable[..., Awaitable[Running]]) -> Running:
    return await open_room()


@pytest.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kafka]:
    """A broker that these tests may stop."""
    server = Kafka(tmp_path_factory.mktemp("breakable"))
    await server.start()
    yield server
    if server.child.running and server.child.pid:
        os.kill(server.child.pid, signal.SIGCONT)
    await server.stop()
