"""A service that goes, comes back or moves: 503 meanwhile, and nobody needs to tell the gateway of the new one."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.ports import HOST, free_port
from tests.gateway.behind import Recorder, Request
from tests.gateway.conftest import Front
from tests.gateway.nginx import Gateway
from tests.gateway.wire import ask
from tests.kit import eventually

CLOSES = b"HTTP/1.1 200 OK\r\nContent-Le"
"""An answer that was cut off."""


@pytest.fixture
async def away(front: Front) -> AsyncIterator[Recorder]:
    """notifier is not there."""
    recorder = front.recorders["notifier"]
    await recorder.stop()
    yield recorder
    if not recorder.running:
        await recorder.start()


async def test_service_that_is_away_is_503_at_once_and_the_others_go_on(front: Front, away: Recorder) -> None:
    async with asyncio.timeout(5):
        answer = await ask(front.port, "/v1/feedback", "POST", Content_Length="0")
        other = await ask(front.port, "/v1/me")

    assert answer.problem()["code"] == "unavailable"
    assert (answer.status, answer.header("retry-after"), other.status) == (503, "5", 200)


async def test_service_that_is_back_is_found_at_once(front: Front, away: Recorder) -> None:
    assert (await ask(front.port, "/v1/notifications")).status == 503

    await away.start()

    assert (await ask(front.port, "/v1/notifications")).status == 200


@dataclass
class Names(asyncio.DatagramProtocol):
    """A name server that knows every name at `addresses`, as long as anybody likes."""

    addresses: list[str] = field(default_factory=list)
    transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = data[12 : data.index(b"\0", 12) + 5]
        records = b"".join(
            b"\xc0\x0c\0\x01\0\x01\0\0\x02\x58\0\x04" + bytes(map(int, one.split("."))) for one in self.addresses
        )
        counts = b"\0\x01" + len(self.addresses).to_bytes(2, "big") + b"\0\0\0\0"
        self.transport.sendto(data[:2] + b"\x81\x80" + counts + question + records, addr)


@asynccontextmanager
async def named() -> AsyncIterator[tuple[Names, str]]:
    port = free_port()
    transport, names = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=(HOST, port))
    try:
        yield names, f"{HOST}:{port}"
    finally:
        transport.close()


@asynccontextmanager
async def standing(*addresses: str) -> AsyncIterator[list[Recorder]]:
    """The service on each of the addresses, on identity's port in compose."""
    recorders = [Recorder(host=address, port=8001) for address in addresses]
    for one in recorders:
        await one.start()
    try:
        yield recorders
    finally:
        for one in recorders:
            await one.stop()


async def test_container_that_was_replaced_is_found_by_its_name_without_a_reload(nginx: str, tmp_path: Path) -> None:
    """Compose's own upstreams.conf: the answer of the name server is good for ten minutes, and asked for after 5 s."""
    async with named() as (names, resolver), standing("127.78.0.1", "127.78.0.2") as (old, new):
        names.addresses = [old.host]
        gateway = Gateway(tmp_path, {}, names=resolver)
        await gateway.start()
        try:
            assert (await ask(gateway.port, "/v1/me")).status == 200
            assert (len(old.seen), len(new.seen)) == (1, 0)

            await old.stop()
            names.addresses = [new.host]

            async def back() -> bool:
                """For every worker of nginx, each of which remembers for itself."""
                return {(await ask(gateway.port, "/v1/me")).status for _ in range(20)} == {200}

            await eventually(back, 10)
            assert len(new.seen) >= 20
        finally:
            await gateway.stop()


async def test_of_two_containers_the_one_that_runs_is_asked(nginx: str, tmp_path: Path) -> None:
    async with named() as (names, resolver), standing("127.78.1.1", "127.78.1.2") as (first, second):
        names.addresses = [first.host, second.host]
        gateway = Gateway(tmp_path, {}, names=resolver)
        await gateway.start()
        try:
            both = [(await ask(gateway.port, "/v1/me")).status for _ in range(20)]
            shares = (len(first.seen), len(second.seen))
            await first.stop()
            one = [(await ask(gateway.port, "/v1/sessions", "POST", Content_Length="0")).status for _ in range(20)]
        finally:
            await gateway.stop()

    assert {*both, *one} == {200}
    assert all(shares)
    assert len(second.seen) == shares[1] + 20


async def test_call_that_may_have_had_its_effect_is_not_made_again(nginx: str, tmp_path: Path) -> None:
    """Both services take a request and hang up; a GET may be asked of the other one, a POST may not."""
    async with named() as (names, resolver), standing("127.78.2.1", "127.78.2.2") as both:
        names.addresses = [one.host for one in both]
        for one in both:
            one.answer, one.hangs_up = CLOSES, True
        gateway = Gateway(tmp_path, {}, names=resolver)
        await gateway.start()
        try:
            posted = await ask(gateway.port, "/v1/me/erasures", "POST", Content_Length="0")
            posts = sum(len(one.seen) for one in both)
            got = await ask(gateway.port, "/v1/me")
        finally:
            await gateway.stop()

    assert (posted.status, posts) == (503, 1)
    assert (got.status, sum(len(one.seen) for one in both)) == (503, 3)


async def test_gateway_that_is_asked_to_end_answers_what_it_has_taken(nginx: str, tmp_path: Path) -> None:
    recorder, go_on = Recorder(), asyncio.Event()

    async def until(_request: Request) -> None:
        await go_on.wait()

    async def taken() -> bool:
        return len(recorder.seen) == 1

    async def refuses() -> bool:
        return not await gateway.ready()

    recorder.until = until
    await recorder.start()
    gateway = Gateway(tmp_path, {"identity": recorder.place})
    await gateway.start()
    try:
        call = asyncio.create_task(ask(gateway.port, "/v1/me"))
        await eventually(taken)
        assert gateway.child.pid is not None
        os.kill(gateway.child.pid, signal.SIGQUIT)
        await eventually(refuses)
        go_on.set()
        answer = await call
        await gateway.child.wait_end(10)
    finally:
        await gateway.stop()
        await recorder.stop()

    assert answer.status == 200


async def test_gateway_starts_before_there_is_anybody(nginx: str, tmp_path: Path) -> None:
    async with named() as (_names, resolver):
        gateway = Gateway(tmp_path, {}, names=resolver)
        await gateway.start()
        try:
            answer = await ask(gateway.port, "/v1/me")
        finally:
            await gateway.stop()

    assert answer.problem()["code"] == "unavailable"
