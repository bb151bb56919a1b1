"""The door to the mail server: one message, one recipient, one honest answer."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8
from typing import Literal

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from notifier.rules import Answer, Outcome
from shared.failpoints import point

_HEADER = re.compile(rb"^([^\s:]+):", re.MULTILINE)

MayHandOver = Callable[[], Awaitable[float | None]]
"""Asked once, just before the message itself: the seconds that are left for it, or None where it must not go.

By the time it answers, the attempt is on record: a crash afterwards is an unknown outcome, before it a safe retry.
"""


@dataclass(frozen=True)
class MailServer:
    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    hello: str | None = None
    """The name we greet with; none: the machine's own."""
    step_seconds: float = 10.0
    """For connecting and for each command; three times as long for all of them together."""
    taking_seconds: float = 60.0
    """For the message itself up to the server's word. RFC 5321 allows 10 minutes; a code would be dead by then."""
    tls: ssl.SSLContext | None = None

    async def send(self, message: EmailMessage, may_hand_over: MayHandOver) -> Answer:
        """Hand the message over. Never raises for what a server or a network does: that is the answer.

        Refused for good is only what the server says of this recipient or this message. Trouble with our own login,
        sender or connection is no fault of the reader's address: try later.
        """
        sender, recipient = one_each(message)
        data = as_bytes(message, recipient)
        client = self._client()
        handed_over = False
        try:
            async with asyncio.timeout(self.step_seconds * 3):
                await client.connect()
                await self._envelope(client, sender, recipient)
            seconds = await may_hand_over()
            if seconds is None:
                return Answer(Outcome.WITHHELD)
            handed_over = True
            async with asyncio.timeout(min(seconds, self.taking_seconds)):
                accepted = await client.data(data, timeout=None)
                await point("door.answered")
            return Answer(Outcome.ACCEPTED, str(accepted.code))
        except (SMTPException, OSError, TimeoutError) as problem:
            if not isinstance(problem, SMTPResponseException):
                client.close()  # in the middle of a word: a farewell would be taken for a part of it
            return judge(problem, handed_over)
        finally:
            await hang_up(client)

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            local_hostname=self.hello,
            timeout=self.step_seconds,
            use_tls=self.security == "tls",
            # True, not None: a server that does not offer STARTTLS is refused, not trusted.
            start_tls=self.security == "starttls",
            tls_context=self.tls,
        )

    async def _envelope(self, client: SMTP, sender: str, recipient: str) -> None:
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        options = [] if recipient.isascii() else ["SMTPUTF8"]
        if options and not client.supports_extension("smtputf8"):
            raise SMTPRecipientRefused(553, "5.6.7 no SMTPUTF8", recipient)
        encoding = "utf-8" if options else "ascii"
        await client.mail(sender, options=options, encoding=encoding)
        await client.rcpt(recipient, encoding=encoding)


def one_each(message: EmailMessage) -> tuple[str, str]:
    """The sender and the only recipient; `ValueError` where there is not exactly one of each.

    `EmailMessage` refuses line ends, yet takes two addresses in one header.
    """
    if message["Cc"] or message["Bcc"]:
        raise ValueError("a copy to somebody else")
    return _only(message, "From"), _only(message, "To")


def _only(message: EmailMessage, name: str) -> str:
    addresses = [address for header in message.get_all(name, []) for address in header.addresses]
    if len(addresses) != 1:
        raise ValueError(f"{name} has {len(addresses)} addresses, not one")
    return str(addresses[0].addr_spec)


def as_bytes(message: EmailMessage, recipient: str) -> bytes:
    """What goes over the wire; `ValueError` where it has other headers than the message was given."""
    data = message.as_bytes(policy=SMTP_POLICY if recipient.isascii() else SMTPUTF8)
    head = data.partition(b"\r\n\r\n")[0]
    if [name.decode() for name in _HEADER.findall(head)] != message.keys():
        raise ValueError("a header that nobody gave it")
    return data


def judge(problem: Exception, handed_over: bool) -> Answer:
    """What an interrupted conversation came to."""
    if isinstance(problem, SMTPResponseException) and problem.code >= 400:
        code = short_code(problem)
        about_us = "5.7." in code and isinstance(problem, SMTPRecipientRefused)  # relaying denied: our set-up
        if problem.code >= 500 and isinstance(problem, SMTPRecipientRefused | SMTPDataError) and not about_us:
            return Answer(Outcome.REFUSED, code)
        return Answer(Outcome.TRY_LATER, code)
    if handed_over:
        return Answer(Outcome.UNKNOWN, cause(problem))
    return Answer(Outcome.TRY_LATER, cause(problem))


def short_code(problem: SMTPResponseException) -> str:
    """`550 5.1.1`: the reply code and the enhanced one, if the server's text begins with it (RFC 3463)."""
    first = problem.message.split(maxsplit=1)[0] if problem.message.strip() else ""
    enhanced = first if first.count(".") == 2 and first.replace(".", "").isdigit() and first.isascii() else ""
    return f"{problem.code} {enhanced}".strip()


def cause(problem: Exception) -> str:
    if isinstance(problem, SMTPTimeoutError | TimeoutError):
        return "timeout"
    return "disconnected" if isinstance(problem, SMTPServerDisconnected) else type(problem).__name__


async def hang_up(client: SMTP) -> None:
    """Say goodbye if the server still listens; what it answers changes nothing any more."""
    try:
        if client.is_connected:
            await client.quit(timeout=2)
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        pass
    finally:
        client.close()
