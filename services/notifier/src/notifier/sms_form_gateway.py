"""The door to an SMS gateway of the older kind: forms in and out, no repeat known again, its word asked for by polling.

Because a repeat would be a second SMS, nothing is posted twice: after a lost answer the gateway is asked what it knows
of our reference, and where it knows nothing the outcome is unknown, since the lost post may still arrive.
"""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import httpx2

from notifier.rules import Answer, Outcome
from notifier.sms_gateway import judge
from shared.failpoints import point

_TAKEN = ("queued", "sent", "delivered")
_LOST = (httpx2.TransportError, ValueError)


@dataclass(frozen=True)
class SmsFormGateway:
    """`url` is the folder of its `send` and `status`."""

    client: httpx2.AsyncClient = field(repr=False)
    url: str
    login: str
    password: str = field(repr=False)
    sender: str
    try_seconds: float = 5.0
    total_seconds: float = 12.0
    polls_seconds: tuple[float, ...] = (0.2, 0.5, 1.0)
    """The pauses before each question about a message that is queued or whose fate is not known."""
    repeatable: bool = False
    receipt_url: str | None = None

    async def send(self, message_id: str, to: str, text: str, seconds: float) -> Answer:
        """Post the SMS once, at most `seconds` from now, and ask for its status until it is final."""
        last = Answer(Outcome.UNKNOWN, "timeout")
        try:
            async with asyncio.timeout(min(seconds, self.total_seconds)):
                last = await self._post(message_id, to, text)
                for pause in self.polls_seconds:
                    if last.outcome is not Outcome.UNKNOWN and last.code != "queued":
                        break
                    await asyncio.sleep(pause)
                    last = await self._status(message_id, last)
        except TimeoutError:
            pass
        return last

    async def _post(self, message_id: str, to: str, text: str) -> Answer:
        form = {"reference": message_id, "phone": to, "from": self.sender, "text": text}
        if self.receipt_url:
            form["receipt_url"] = self.receipt_url
        try:
            answer = await self._ask("send", form)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as problem:
            return Answer(Outcome.TRY_LATER, type(problem).__name__)
        except _LOST as problem:
            return Answer(Outcome.UNKNOWN, type(problem).__name__)
        if answer.status_code >= 500 and answer.status_code != 503:
            return Answer(Outcome.UNKNOWN, str(answer.status_code))
        if not answer.is_success:
            return judge(answer.status_code)
        return _said(answer) or Answer(Outcome.UNKNOWN, "unreadable")

    async def _status(self, message_id: str, known: Answer) -> Answer:
        """What it says now; `known` where it says nothing of use."""
        try:
            answer = await self._ask("status", {"reference": message_id})
            return (_said(answer) if answer.is_success else None) or known
        except _LOST:
            return known

    async def _ask(self, what: str, form: dict[str, str]) -> httpx2.Response:
        known = {"login": self.login, "password": self.password}
        answer = await self.client.post(f"{self.url}/{what}", data=known | form, timeout=self.try_seconds)
        await point("door.answered")
        return answer


def _said(answer: httpx2.Response) -> Answer | None:
    """`id=…&status=queued`; None where the status is none that it may have, such as `unknown`."""
    status = dict(parse_qsl(answer.text)).get("status", "")
    if status in _TAKEN:
        return Answer(Outcome.ACCEPTED, status)
    return Answer(Outcome.REFUSED, status) if status == "rejected" else None
