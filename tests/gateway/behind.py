"""What stands behind the gateway: a service that writes down what it gets, and the real applications on real ports."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI

from deploy.embedded.ports import HOST, free_port
from shared.serving import serve_http
from tests.kit import eventually

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: the-services\r\n\r\nok"


@dataclass
class Request:
    """As it stood on the wire."""

    head: str
    body: bytes = b""

    @property
    def method(self) -> str:
        return self.head.split(" ", 1)[0]

    @property
    def target(self) -> str:
        return self.head.split(" ", 2)[1]

    def all(self, name: str) -> list[str]:
        lines = self.head.split("\r\n")[1:]
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        return [value.strip() for key, value in pairs if key.lower() == name]


@dataclass
class Recorder:
    """Takes every request and answers `answer`, once `until` says so."""

    host: str = HOST
    port: int = field(default_factory=free_port)
    answer: bytes = GOOD
    until: Callable[[Request], Awaitable[None]] | None = None
    seen: list[Request] = field(default_factory=list)
    beyond: bytes = b""
    """What came after the one request that a connection brings."""
    hangs_up: bool = False
    """Closes after the answer, whole or not."""
    _server: asyncio.Server | None = None

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def running(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.seen.append(request := Request(head))
            if length := request.all("content-length"):
                request.body = await reader.readexactly(int(length[0]))
            elif request.all("transfer-encoding"):
                request.body = await reader.readuntil(b"0\r\n\r\n")
            if self.until is not None:
                await self.until(request)
            writer.write(self.answer)
            await writer.drain()
            if not self.hangs_up:
                self.beyond += await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the gateway has gone
        finally:
            writer.close()


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The place where the application answers, by the same uvicorn as in its program."""
    port, stop = free_port(), asyncio.Event()
    serving = asyncio.create_task(serve_http(app, HOST, port, stop))

    async def answers() -> bool:
        try:
            _reader, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await eventually(answers)
        yield f"{HOST}:{port}"
    finally:
        stop.set()
        await serving
