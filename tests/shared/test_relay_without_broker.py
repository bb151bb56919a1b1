"""The relay while its broker is stopped, hangs, and comes back."""

import os
import signal

import pytest

from deploy.embedded.kafka import Kafka
from shared import relay
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk, make_topic
from tests.shared.test_relay import all_sent


async def desk_at(desk_of: OpenDesk, broker: Kafka) -> Desk:
    desk = await desk_of("")
    desk.kafka = broker.bootstrap
    await make_topic(desk.kafka, desk.topic, desk.partitions)
    return desk


async def test_backlog_waits_for_a_stopped_broker_and_goes_out_in_order(desk_of: OpenDesk, broker: Kafka) -> None:
    desk = await desk_at(desk_of, broker)
    async with desk.relaying():
        await desk.say(("a", 0))
        await eventually(lambda: all_sent(desk))
        await broker.stop()
        for n in range(1, 200):
            await desk.say(("a", n))
        assert await desk.unsent() == 199

        await broker.start()
        await eventually(lambda: all_sent(desk), 30)

    assert list(dict.fromkeys(await desk.sent(200))) == [("a", n) for n in range(200)]


async def test_broker_that_hangs_is_given_up_and_taken_up_again(
    desk_of: OpenDesk, broker: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "KAFKA_SECONDS", 2.0)
    desk = await desk_at(desk_of, broker)
    assert broker.child.pid
    async with desk.relaying() as running:
        await desk.say(("a", 0))
        await eventually(lambda: all_sent(desk))
        os.kill(broker.child.pid, signal.SIGSTOP)
        await desk.say(*(("a", n) for n in range(1, 3000)))

        async def given_up() -> bool:
            return not running.active

        await eventually(given_up)
        os.kill(broker.child.pid, signal.SIGCONT)
        await eventually(lambda: all_sent(desk), 30)

    assert list(dict.fromkeys(await desk.sent(3000))) == [("a", n) for n in range(3000)]


@pytest.mark.parametrize("how", ["stopped", "hangs", "never there"])
async def test_relay_stops_in_time_without_its_broker(desk_of: OpenDesk, broker: Kafka, how: str) -> None:
    desk = await desk_at(desk_of, broker)
    assert broker.child.pid
    if how == "never there":
        desk.kafka = "127.0.0.1:1"
    try:
        async with desk.relaying() as running:  # leaving it fails unless it stops within 10 s

            async def active() -> bool:
                return bool(running.active)

            if how != "never there":
                await eventually(active)
            if how == "hangs":
                os.kill(broker.child.pid, signal.SIGSTOP)
            if how == "stopped":
                await broker.stop()
            await desk.say(("a", 1))
    finally:
        if how == "hangs":
            os.kill(broker.child.pid, signal.SIGCONT)
        if how == "stopped":
            await broker.start()
