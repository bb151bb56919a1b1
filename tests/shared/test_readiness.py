"""What a worker says of a broker that goes and comes back."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from deploy.embedded.ports import free_port
from shared import readiness
from tests.kit import eventually


async def test_broker_that_goes_and_comes_back_is_told_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LOOK_SECONDS", 0.02)
    port, stop = free_port(), asyncio.Event()

    with capture_logs() as said:
        telling = asyncio.create_task(readiness.tell_of_broker(f"127.0.0.1:{port}", stop))
        await eventually(lambda: _told(said, "broker_lost"))
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
        await eventually(lambda: _told(said, "broker_back"))
        stop.set()
        await telling
        server.close()

    assert [entry["event"] for entry in said] == ["broker_lost", "broker_back"]


async def _told(said: Sequence[Mapping[str, object]], event: str) -> bool:
    return any(entry["event"] == event for entry in said)
