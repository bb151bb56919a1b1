"""Kafka over TLS: certificates that hold, and those that do not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import readiness, topics_watch
from shared.broker import Broker
from shared.complaints import CannotGoOn
from shared.consumer import Consumer
from shared.health import NotReady
from shared.relay import Relay
from shared.settings import variable
from tests.certificates import Authority
from tests.kit import Running
from tests.shared.conftest import OpenDesk
from tests.shared.tls_broker import TlsKafka, allow, tls_kafka


@pytest.fixture(scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TlsKafka]:
    async with tls_kafka(tmp_path_factory.mktemp("tls")) as kafka:
        yield kafka


async def test_events_travel_over_tls_by_the_certificate_of_who_says_them(secured: TlsKafka, desk_of: OpenDesk) -> None:
    desk = await desk_of(secured.server.bootstrap)
    rights = ["Read", "Write", "Describe", "DescribeConfigs"]
    await allow(secured, desk.name, ("topic", desk.topic, rights), ("group", desk.name, ["Read"]))
    broker, reader = secured.broker(desk.name), desk.reader()

    async with (
        desk.running(lambda stop: Relay(desk.database, broker, stop)),
        desk.running(lambda stop: Consumer(reader, broker, stop)),
    ):
        await desk.say(("a", 1), ("a", 2))
        await desk.had(("a", 1), ("a", 2))

    await readiness.broker_check(broker)()
    assert await topics_watch.differences(broker, []) == []


async def test_certificate_that_was_renewed_is_used_with_the_next_connection(secured: TlsKafka, tmp_path: Path) -> None:
    strange = Authority.made(tmp_path / "strange")
    broker = Broker(secured.broker("x").servers, secured.authority.file, *strange.signed("x"))
    with pytest.raises(NotReady):
        await readiness.broker_check(broker)()

    for old, new in zip(strange.signed("x"), secured.authority.signed("x"), strict=True):
        old.write_bytes(new.read_bytes())

    await readiness.broker_check(broker)()


async def test_broker_with_another_authoritys_certificate_is_not_spoken_to(secured: TlsKafka, tmp_path: Path) -> None:
    strange = Authority.made(tmp_path / "strange")

    with pytest.raises(NotReady):
        await readiness.broker_check(Broker(secured.broker("x").servers, strange.file))()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"kafka_certificate_file": "x.crt"}, "together"),
        ({"kafka_certificate_file": "x.crt", "kafka_key_file": "x.key"}, "together"),
        ({"kafka_ca_file": "missing.pem"}, "No such file"),
        ({"kafka_ca_file": "x.key"}, "cannot be used"),
        ({"kafka_ca_file": "ca.pem", "kafka_certificate_file": "x.crt", "kafka_key_file": "y.key"}, "cannot be used"),
    ],
)
async def test_files_that_cannot_be_used_are_told_at_the_start(
    room_without_database: Running, tmp_path: Path, files: dict[str, str], told: str
) -> None:
    authority = Authority.made(tmp_path)
    authority.signed("x"), authority.signed("y")
    settings = room_without_database.kernel.settings
    named = settings.model_copy(update={name: tmp_path / file for name, file in files.items()})

    with pytest.raises(CannotGoOn, match=told) as refused:
        Broker.of(named)

    assert variable(type(settings), "kafka_ca_file") in str(refused.value)
