"""The door to the SMS operator's gateway: `POST` of one message, which the gateway knows again by its `message_id`."""

import asyncio
from dataclasses import dataclass, field

import httpx2
import stamina

from notifier.rules import Answer, Outcome
from shared.failpoints import point


@dataclass(frozen=True)
class SmsGateway:
    """Needs a client that lives as long as the program; `token` is the operator's secret."""

    client: httpx2.AsyncClient = field(repr=False)
    url: str
    token: str = field(repr=False)
    sender: str
    try_seconds: float = 5.0
    total_seconds: float = 12.0
    tries: int = 3
    repeatable: bool = True
    receipt_url: str | None = None
    """Where it may tell later what became of the SMS."""

    async def send(self, message_id: str, to: str, text: str, seconds: float) -> Answer:
        """Ask for the SMS, at most `seconds` from now. A repeat under the same `message_id` is the same SMS.

        Unknown where a request went out, no answer said what became of it, and no later one settled it.
        """
        body = {"message_id": message_id, "to": to, "sender": self.sender, "text": text}
        if self.receipt_url:
            body["receipt_url"] = self.receipt_url
        tries = _Tries()
        try:
            async with asyncio.timeout(min(seconds, self.total_seconds)):
                async for attempt in stamina.retry_context(
                    on=_Again, attempts=self.tries, timeout=None, wait_initial=0.2, wait_max=2, wait_jitter=0.2
                ):
                    with attempt:
                        tries.settle(await self._ask(body, tries))
        except (_Again, TimeoutError):
            pass
        return tries.answer()

    async def _ask(self, body: dict[str, str], tries: "_Tries") -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"}
        tries.in_flight = True
        try:
            answer = await self.client.post(self.url, json=body, headers=headers, timeout=self.try_seconds)
            await point("door.answered")
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as problem:
            raise tries.again(type(problem).__name__, taken=False) from None
        except httpx2.TransportError as problem:
            raise tries.again(type(problem).__name__, taken=True) from None
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            raise tries.again(str(answer.status_code), taken=answer.status_code not in (429, 503))
        return judge(answer.status_code)


class _Again(Exception):
    """Nothing final was said: the same message may be asked for again."""


@dataclass
class _Tries:
    """What is known of one SMS over several tries."""

    in_flight: bool = False
    maybe_taken: bool = False
    last: str = "timeout"
    settled: Answer | None = None

    def again(self, code: str, *, taken: bool) -> _Again:
        self.in_flight, self.maybe_taken, self.last = False, self.maybe_taken or taken, code
        return _Again(code)

    def settle(self, answer: Answer) -> None:
        self.in_flight, self.last = False, answer.code
        if answer.outcome is not Outcome.TRY_LATER:
            self.settled = answer

    def answer(self) -> Answer:
        maybe = self.in_flight or self.maybe_taken
        return self.settled or Answer(Outcome.UNKNOWN if maybe else Outcome.TRY_LATER, self.last)


def judge(status: int) -> Answer:
    """What the gateway says of this message is for good; our own token, address and the like can be mended."""
    if 200 <= status < 300:
        return Answer(Outcome.ACCEPTED, str(status))
    if status in (400, 413, 422):
        return Answer(Outcome.REFUSED, str(status))
    return Answer(Outcome.TRY_LATER, str(status))
