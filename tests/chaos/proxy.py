"""A small TCP proxy on loopback that can be a bad network: black hole, reset, refusal, delay."""

import asyncio
import socket
import struct
from enum import StrEnum

from deploy.embedded.ports import HOST, free_port

CHUNK = 64 * 1024


class Mode(StrEnum):
    PASS = "pass"
    HOLE = "hole"
    """Connections are accepted and kept; nothing goes through. What was sent arrives once the network heals."""
    RESET = "reset"
    """Every connection, old or new, is answered by RST."""
    REFUSE = "refuse"
    """Nobody listens; old connections are reset."""
    DELAY = "delay"
    """Every piece arrives `seconds` late."""


class Proxy:
    """Listens on `port` and forwards to `upstream` on loopback. A mode holds until the next one."""

    def __init__(self, upstream: int, port: int | None = None) -> None:
        self.upstream, self.port = upstream, port or free_port()
        self.mode, self.seconds = Mode.PASS, 0.0
        self._flows = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._pairs: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._flows.set()
        await self._listen()

    async def become(self, mode: Mode, seconds: float = 0.0) -> None:
        self.mode, self.seconds = mode, seconds
        if mode is Mode.HOLE:
            self._flows.clear()
        else:
            self._flows.set()
        if mode in (Mode.RESET, Mode.REFUSE):
            for writer in list(self._writers):
                _reset(writer)
        if mode is Mode.REFUSE:
            await self._deafen()
        elif self._server is None:
            await self._listen()

    async def stop(self) -> None:
        await self._deafen()
        for task in list(self._pairs):
            task.cancel()
        await asyncio.gather(*self._pairs, return_exceptions=True)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=CHUNK)

    async def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pairs.add(task)
        self._writers.add(writer)
        try:
            await self._join(reader, writer)
        except OSError:
            pass
        finally:
            self._pairs.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.RESET:
            return _reset(writer)
        await self._flows.wait()
        up_reader, up_writer = await asyncio.open_connection(HOST, self.upstream, limit=CHUNK)
        ways = [
            asyncio.create_task(self._pump(reader, up_writer)),
            asyncio.create_task(self._pump(up_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(CHUNK):
            await self._flows.wait()
            if self.mode is Mode.DELAY:
                await asyncio.sleep(self.seconds)
            writer.write(piece)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: nothing that is under way arrives."""
    if (taken := writer.get_extra_info("socket")) is not None:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
