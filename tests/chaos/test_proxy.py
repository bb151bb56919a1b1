"""The proxy's modes, as those who speak through it meet them."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from deploy.embedded.ports import HOST
from tests.chaos.proxy import Mode, Proxy
from tests.kit import eventually

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CLOSED = (ConnectionError, asyncio.IncompleteReadError)


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """Before a server that says back what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1000):
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    made = Proxy(server.sockets[0].getsockname()[1])
    await made.start()
    yield made
    await made.stop()
    server.close()


async def connected(proxy: Proxy) -> Streams:
    return await asyncio.open_connection(HOST, proxy.port)


async def asked(streams: Streams, word: bytes = b"word", seconds: float = 5) -> bytes:
    reader, writer = streams
    writer.write(word)
    return await asyncio.wait_for(reader.readexactly(len(word)), seconds)


async def test_what_is_said_comes_back(proxy: Proxy) -> None:
    streams = await connected(proxy)

    assert await asked(streams, b"x" * 300_000) == b"x" * 300_000


async def test_black_hole_accepts_and_answers_nothing_until_it_heals(proxy: Proxy) -> None:
    old = await connected(proxy)
    await asked(old)
    await proxy.become(Mode.HOLE)
    new = await connected(proxy)
    for streams in (old, new):
        with pytest.raises(TimeoutError):
            await asked(streams, seconds=0.2)

    await proxy.become(Mode.PASS)

    assert await asyncio.wait_for(old[0].readexactly(4), 5) == b"word"
    assert await asyncio.wait_for(new[0].readexactly(4), 5) == b"word"


async def test_reset_ends_old_and_new_connections(proxy: Proxy) -> None:
    old = await connected(proxy)
    await asked(old)

    await proxy.become(Mode.RESET)

    with pytest.raises(CLOSED):
        await asyncio.wait_for(old[0].readexactly(1), 5)
    with pytest.raises(CLOSED):
        await asked(await connected(proxy))
    await proxy.become(Mode.PASS)
    assert await asked(await connected(proxy)) == b"word"


async def test_reset_tears_down_what_a_black_hole_held(proxy: Proxy) -> None:
    await proxy.become(Mode.HOLE)
    held = await connected(proxy)
    held[1].write(b"word")

    await proxy.become(Mode.RESET)

    with pytest.raises(CLOSED):
        await asyncio.wait_for(held[0].readexactly(1), 5)


async def test_refusal_lets_nobody_in_and_ends_old_connections(proxy: Proxy) -> None:
    old = await connected(proxy)
    await asked(old)

    await proxy.become(Mode.REFUSE)

    with pytest.raises(CLOSED):
        await asyncio.wait_for(old[0].readexactly(1), 5)

    async def refused() -> bool:
        try:
            _, writer = await connected(proxy)
        except ConnectionRefusedError:
            return True
        writer.close()
        return False

    await eventually(refused)
    await proxy.become(Mode.PASS)
    assert await asked(await connected(proxy)) == b"word"


async def test_delay_holds_every_piece_for_its_seconds(proxy: Proxy) -> None:
    streams = await connected(proxy)
    await asked(streams)

    await proxy.become(Mode.DELAY, 0.2)

    begun = time.monotonic()
    assert await asked(streams) == b"word"
    assert time.monotonic() - begun >= 0.4, "there and back"
    await proxy.become(Mode.PASS)
