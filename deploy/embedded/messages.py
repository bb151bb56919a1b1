"""The letters and SMS that arrived: the last thousand, also over a restart."""

import json
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from uuid_utils.compat import uuid7

from shared.contacts import canonical_phone

KEPT = 1000

Channel = Literal["email", "sms"]


@dataclass(frozen=True)
class Message:
    """One letter or SMS as one receiver got it. A letter to two people is two messages."""

    id: str
    channel: Channel
    to: str
    sender: str
    reply_to: str | None
    subject: str
    text: str
    html: str | None
    headers: dict[str, str]
    received_at: str
    message_id: str | None = None
    """The name that the sender of an SMS gave it: the same one again is the same SMS."""

    def shown(self) -> dict[str, object]:
        """As the mailbox's HTTP answers it."""
        shown = asdict(self)
        return {("from" if name == "sender" else name): value for name, value in shown.items() if name != "message_id"}


class Messages:
    """Kept in memory, and in a file that only its owner may read: it holds codes and links."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: deque[Message] = deque(self._read(), maxlen=KEPT)
        self._lines = 0
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        self._rewrite()

    def of(self, to: str | None = None, channel: Channel | None = None) -> list[Message]:
        """Newest first. An address is compared without regard to case."""
        wanted = to.casefold() if to else None
        return [
            message
            for message in reversed(self._kept)
            if channel in (None, message.channel) and wanted in (None, message.to.casefold())
        ]

    def find(self, message_id: str) -> Message | None:
        return next((message for message in self._kept if message.id == message_id), None)

    def add_letter(self, content: bytes, receivers: Iterable[str]) -> None:
        for receiver in receivers:
            self._add(_letter(content, receiver))

    def add_sms(self, message_id: str, to: str, sender: str, text: str) -> Message:
        """The message that came under this name, now or before."""
        if (known := self.sms_of(message_id)) is not None:
            return known
        return self.add_sms_anew(message_id, to, sender, text)

    def add_sms_anew(self, message_id: str, to: str, sender: str, text: str) -> Message:
        """Another SMS, also under a name that was there."""
        return self._add(Message(str(uuid7()), "sms", to, sender, None, "", text, None, {}, _now(), message_id))

    def sms_of(self, message_id: str) -> Message | None:
        return next((one for one in self._kept if one.channel == "sms" and one.message_id == message_id), None)

    def _add(self, message: Message) -> Message:
        self._kept.append(message)
        with self._file.open("a") as file:
            file.write(_line(message))
            self._lines += 1
        if self._lines > 2 * KEPT:
            self._rewrite()
        return message

    def _read(self) -> Iterable[Message]:
        if self._file.exists():
            for line in self._file.read_text().splitlines():
                with suppress(ValueError, TypeError):  # half a line: the machine went down while it was written
                    yield Message(**json.loads(line))

    def _rewrite(self) -> None:
        self._file.write_text("".join(map(_line, self._kept)))
        self._lines = len(self._kept)


def receiver(to: str | None) -> str | None:
    """The address asked for; a phone in its one form, however it was typed. A `+` typed into a query means a space: a
    number that is no phone of ours gets it back."""
    to = (to or "").strip()
    return canonical_phone(to) or (f"+{to}" if to.isascii() and to.isdigit() else to or None)


def _line(message: Message) -> str:
    return json.dumps(asdict(message), ensure_ascii=True) + "\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _letter(content: bytes, receiver: str) -> Message:
    letter = message_from_bytes(content, policy=policy.default)
    headers: dict[str, str] = {}
    for name, value in letter.items():
        headers[name] = f"{headers[name]}\n{value}" if name in headers else str(value)
    return Message(
        id=str(uuid7()),
        channel="email",
        to=receiver,
        sender=str(letter.get("from", "")),
        reply_to=str(letter["reply-to"]) if letter["reply-to"] else None,
        subject=str(letter.get("subject", "")),
        text=_body(letter, "plain") or "",
        html=_body(letter, "html"),
        headers=headers,
        received_at=_now(),
    )


def _body(letter: EmailMessage, kind: Literal["plain", "html"]) -> str | None:
    part = letter.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, UnicodeError):  # a charset that nobody knows
        return bytes(part.get_payload(decode=True) or b"").decode(errors="replace")
