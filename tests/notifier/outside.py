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

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailHost:
    """Keeps what it takes. `rcpt` and `data` are its answers; after the message it may also hang up or say nothing."""

    port: int = 0
    rcpt: str = "250 OK"
    data: str = "250 OK"
    after_message: str = "answer"
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    async def handle_MAIL(self, _s: SMTP, _c: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        envelope.mail_from = address
        self.options = options
        return "250 OK"

    async def handle_RCPT(self, _s: SMTP, _c: Session, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
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
        if self.after_message != "answer":
            await asyncio.Event().wait()  # until the connection is lost
        return self.data


@asynccontextmanager
async def mail_host(**settings: Any) -> AsyncIterator[MailHost]:
    host = MailHost()

    def protocol() -> SMTP:
        return SMTP(host, hostname="mail.test", enable_SMTPUTF8=True, **settings)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()


@dataclass
class Gateway:
    """An operator's gateway. `behaviours` are what happens to the next requests; when they run out, it takes them."""

    url: str = ""
    behaviours: list[int | str] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The SMS that people got: a repeated `message_id` is the same one."""
        return list({request["message_id"]: request["text"] for request in self.requests}.values())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                await self._one(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
        lower = {name.lower(): value for name, value in headers.items()}
        body = await reader.readexactly(int(lower["content-length"]))
        self.requests.append(json.loads(body))
        self.authorizations.append(lower["authorization"])
        behaviour = self.behaviours.pop(0) if self.behaviours else 200
        if behaviour == "hang up":
            writer.transport.abort()
        elif behaviour == "stall":
            await reader.read()
        else:
            writer.write(f"HTTP/1.1 {behaviour} -\r\ncontent-length: 2\r\n\r\n{{}}".encode())


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    operator = Gateway()
    server = await asyncio.start_server(operator.serve, "127.0.0.1", 0)
    operator.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sms/messages"
    try:
        yield operator
    finally:
        server.close()
