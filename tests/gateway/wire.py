"""HTTP as bytes: what is sent is what was written, and what comes is read to its end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from deploy.embedded.ports import HOST

DEADLINE_SECONDS = 30.0
JSON = "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
FORM = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
"""Heads of a program's and a person's request, but for the length and the end."""
BROWSERS = "Sec-Fetch-Site: same-origin\r\n"
"""What a browser says with a form of the page that it shows."""
_neighbours = count(2)


def fresh_address() -> str:
    """An address of this machine that nobody has asked from yet, so that limits on an address are a test's own."""
    number = next(_neighbours)
    return f"127.77.{number // 250}.{number % 250 + 1}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Its one value; a header that comes twice is a mistake."""
        found = self.all(name)
        assert len(found) < 2, f"{name} comes twice: {found}"
        return found[0] if found else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def problem(self) -> dict[str, Any]:
        """The body of an error for programs."""
        assert self.header("content-type") == "application/problem+json", self.body
        found: dict[str, Any] = json.loads(self.body)
        assert found["status"] == self.status
        return found


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def send(self, data: bytes) -> None:
        """Until the other side has taken it, or has gone."""
        self.writer.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def answer(self, seconds: float = DEADLINE_SECONDS, head: bool = False) -> Answer | None:
        """The next one; `None` where the connection ended without."""
        try:
            async with asyncio.timeout(seconds):
                return await read_answer(self.reader, head)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def answer_head(self) -> str:
        """The first line of what comes before an answer: `HTTP/1.1 100 Continue`."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0]

    async def anything(self) -> None:
        """Until a byte comes, or the end."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.reader.read(1)

    async def ended(self, seconds: float = DEADLINE_SECONDS) -> bytes:
        """Whatever came until the end of the connection."""
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read()
        except ConnectionError:
            return b""


@asynccontextmanager
async def wire(port: int, address: str | None = None) -> AsyncIterator[Wire]:
    """A connection from an address of its own, or from the given one."""
    reader, writer = await asyncio.open_connection(HOST, port, local_addr=(address or fresh_address(), 0))
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


async def ask(port: int, target: str, method: str = "GET", address: str | None = None, **headers: str) -> Answer:
    """One request, written as it is; `_` in a header's name is a hyphen."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    async with wire(port, address) as one:
        await one.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        answer = await one.answer(head=method == "HEAD")
        assert answer is not None, f"no answer to {method} {target}"
        return answer


async def read_answer(reader: asyncio.StreamReader, head: bool = False) -> Answer:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines[1:] if line)
    headers = [(name.lower(), value.strip()) for name, value in pairs]
    named = dict(headers)
    status = int(lines[0].split(" ")[1])
    if head or status in (204, 304):
        body = b""
    elif named.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    elif "content-length" in named:
        body = await reader.readexactly(int(named["content-length"]))
    else:
        body = await reader.read()
    return Answer(status, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
