"""A mail server and an SMS gateway of one's own on loopback, real on the wire, that can be told to misbehave."""

import asyncio
import email
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast
from urllib.parse import parse_qsl

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailHost:
    """Keeps what it takes. `rcpt` and `data` are its answers (`stall`: none until it may); after the message it may
    also hang up, say nothing, or wait until it may."""

    port: int = 0
    connections: int = 0
    rcpt: str = "250 OK"
    data: str = "250 OK"
    after_message: str = "answer"
    asked: int = 0
    """How many recipients were named."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it where the recipient or the message is to be answered after all."""
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    async def handle_MAIL(self, _s: SMTP, _c: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        envelope.mail_from = address
        self.options = options
        return "250 OK"

    async def handle_RCPT(self, _s: SMTP, _c: Session, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        self.asked += 1
        if self.rcpt == "stall":
            await self.may_answer.wait()
            self.rcpt = "250 OK"
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("250"):
            content = cast(bytes, envelope.content)
            self.taken.append(email.message_from_bytes(content, policy=default))
            self.recipients.append(list(envelope.rcpt_tos))
        if self.after_message == "hang up":
            cast(asyncio.WriteTransport, server.transport).abort()
        if self.after_message == "wait":
            await self.may_answer.wait()
        elif self.after_message != "answer":
            await asyncio.Event().wait()  # until the connection is lost
        return self.data


@asynccontextmanager
async def mail_host(**settings: Any) -> AsyncIterator[MailHost]:
    host = MailHost()

    def protocol() -> SMTP:
        host.connections += 1
        return SMTP(host, hostname="mail.test", enable_SMTPUTF8=True, **settings)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()


@dataclass
class Wire:
    """A mail server that keeps the bytes of each connection as they came."""

    port: int = 0
    conversations: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard, writing = b"", False
        writer.write(b"220 mail.test\r\n")
        while line := await reader.readline():
            heard += line
            if writing:
                writing = line != b".\r\n"
                answer = b"" if writing else b"250 taken\r\n"
            else:
                writing = line == b"DATA\r\n"
                answer = b"354 go ahead\r\n" if writing else b"250 OK\r\n"
            writer.write(answer)
        self.conversations.append(heard)
        writer.close()


@asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    host = Wire()
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    async with server:
        yield host


class Web:
    """An HTTP server of one connection after another's requests; `behaviours` are what happens to the next ones."""

    def __init__(self) -> None:
        self.url = ""
        self.behaviours: list[int | str] = []

    def take(self, path: str, headers: dict[str, str], body: bytes) -> str:
        """What it does with a request, whatever it will answer; the answer's body."""
        raise NotImplementedError

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                await self._one(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        answer = self.take(first.split()[1], headers, await reader.readexactly(int(headers["content-length"])))
        behaviour = self.behaviours.pop(0) if self.behaviours else 200
        if behaviour == "hang up":
            writer.transport.abort()
        elif behaviour == "stall":
            await reader.read()
        else:
            writer.write(f"HTTP/1.1 {behaviour} -\r\ncontent-length: {len(answer)}\r\n\r\n{answer}".encode())


class Gateway(Web):
    """An operator's gateway that knows a message again; when its behaviours run out, it takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[dict[str, str]] = []
        self.authorizations: list[str] = []

    @property
    def texts(self) -> list[str]:
        """The SMS that people got: a repeated `message_id` is the same one."""
        return list({request["message_id"]: request["text"] for request in self.requests}.values())

    def take(self, path: str, headers: dict[str, str], body: bytes) -> str:
        self.requests.append(json.loads(body))
        self.authorizations.append(headers["authorization"])
        return "{}"


class FormGateway(Web):
    """An older one: every post to `send` that it does not refuse is an SMS. `fates` are what `status` says, in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.first = "sent"
        self.fates: list[str] = []

    def take(self, path: str, headers: dict[str, str], body: bytes) -> str:
        form = dict(parse_qsl(body.decode()))
        self.asked.append(path)
        if path.endswith("/send"):
            if not self.behaviours or self.behaviours[0] in (200, 500, "hang up", "stall"):
                self.sent.append(form)
            return f"id=77&status={self.first}"
        return f"status={self.fates.pop(0) if self.fates else 'delivered'}"


@asynccontextmanager
async def listening(web: Web, path: str) -> AsyncIterator[None]:
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    web.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
    try:
        yield
    finally:
        server.close()


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    operator = Gateway()
    async with listening(operator, "/sms/messages"):
        yield operator


@asynccontextmanager
async def form_gateway() -> AsyncIterator[FormGateway]:
    operator = FormGateway()
    async with listening(operator, "/http"):
        yield operator
