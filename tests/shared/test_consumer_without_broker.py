"""The consumer while its broker is stopped, hangs, and comes back."""

import os
import signal

import pytest

from deploy.embedded.kafka import Kafka
from shared import consumer
from shared.broker import Broker
from shared.consumer import Consumer
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.test_relay_without_broker import desk_at


async def test_consumer_goes_on_when_its_broker_is_back(desk_of: OpenDesk, broker: Kafka) -> None:
    desk = await desk_at(desk_of, broker)
    await desk.send_noted(("a", 1))
    async with desk.consuming():
        await desk.had(("a", 1))
        await broker.stop()
        await broker.start()
        await desk.send_noted(("a", 2))
        await desk.had(("a", 1), ("a", 2), seconds=30)


@pytest.mark.parametrize("how", ["stopped", "hangs"])
async def test_consumer_stops_in_time_without_its_broker(desk_of: OpenDesk, broker: Kafka, how: str) -> None:
    desk = await desk_at(desk_of, broker)
    await desk.send_noted(("a", 1))
    assert broker.child.pid
    try:
        async with desk.consuming():  # leaving it fails unless it stops within 10 s
            await desk.had(("a", 1))
            if how == "hangs":
                os.kill(broker.child.pid, signal.SIGSTOP)
            else:
                await broker.stop()
    finally:
        if how == "hangs":
            os.kill(broker.child.pid, signal.SIGCONT)
        else:
            await broker.start()


async def test_hanging_broker_during_a_commit_costs_no_effect(
    desk_of: OpenDesk, broker: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "KAFKA_SECONDS", 2.0)
    desk = await desk_at(desk_of, broker)
    reader, pid, hung = desk.reader(), broker.child.pid or 0, False
    assert pid

    class Hanging(Consumer):
        async def _commit(self, *arguments: object) -> None:
            nonlocal hung
            if not hung:
                hung = True
                os.kill(pid, signal.SIGSTOP)
            await super()._commit(*arguments)  # type: ignore[arg-type]

    await desk.send_noted(("a", 1), ("a", 2))
    async with desk.running(lambda stop: Hanging(reader, Broker(desk.kafka), stop)) as running:
        await desk.had(("a", 1), ("a", 2))

        async def given_up() -> bool:
            return not running.connected

        await eventually(given_up)
        os.kill(pid, signal.SIGCONT)

        async def caught_up() -> bool:
            return await desk.committed() == 2

        await eventually(caught_up, 30)

    assert await desk.effects() == [("a", 1), ("a", 2)]
