"""A lean HTTP client for loads: one connection that stays open, a few microseconds per call, nothing understood."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self


@dataclass
class Answer:
    status: int
    head: bytes
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Calls:
    """One keep-alive connection to a service on 127.0.0.1; one call at a time."""

    def __init__(self, port: int, cookies: str = "") -> None:
        self._port = port
        self._cookies = f"Cookie: {cookies}\r\n" if cookies else ""

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def get(self, path: str, token: str = "") -> Answer:
        return await self._call("GET", path, b"", token)

    async def post(self, path: str, body: dict[str, Any], token: str = "") -> Answer:
        return await self._call("POST", path, json.dumps(body).encode(), token)

    async def _call(self, method: str, path: str, body: bytes, token: str) -> Answer:
        known = self._cookies + (f"Authorization: Bearer {token}\r\n" if token else "")
        head = f"{method} {path} HTTP/1.1\r\nHost: kabinet.test\r\n{known}Content-Length: {len(body)}\r\n"
        self._writer.write((head + "Content-Type: application/json\r\n\r\n").encode() + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answered.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        return Answer(int(answered[9:12]), answered, await self._reader.readexactly(length))
