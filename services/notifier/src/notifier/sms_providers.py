"""Which SMS provider is asked: by priority, past one that is down, never a second while the first may have the SMS."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from prometheus_client import Counter

from notifier import gauges, rules
from notifier.delivering import HandOver, MayHandOver
from notifier.pacing import Turns
from notifier.rules import Answer, Outcome
from notifier.writing import Due, Pen
from shared import telemetry
from shared.logging import logger

handed_over = Counter("kabinet_sms_handed_over_total", "SMS by provider and outcome", ["provider", "outcome"])
parts = Counter("kabinet_sms_parts_total", "Parts of SMS that a provider took", ["provider", "alphabet"])
cost = Counter("kabinet_sms_cost_kopecks_total", "What taken SMS cost at the provider's price per part", ["provider"])

FAILURES = 5
REST_SECONDS = 30.0
_log = logger(__name__)


class SmsDoor(Protocol):
    """A provider's dialect. `repeatable`: it knows a repeat by its id, so that the same one again is no second SMS."""

    @property
    def repeatable(self) -> bool: ...

    async def send(self, message_id: str, to: str, text: str, seconds: float) -> Answer: ...


@dataclass
class Breaker:
    """Opens after so many failures in a row; after its rest one message at a time finds out whether all is well."""

    now: Callable[[], float] = time.monotonic
    _failures: int = 0
    _rests_until: float = 0.0

    @property
    def lets_through(self) -> bool:
        return self._failures < FAILURES or self.now() >= self._rests_until

    def rests(self) -> float:
        """1.0 while nobody asks the provider, as a gauge says it."""
        return float(not self.lets_through)

    def begin(self) -> None:
        if self._failures >= FAILURES:
            self._rests_until = self.now() + REST_SECONDS

    def end(self, answer: Answer) -> None:
        """A message that is refused is its own fault, not the provider's."""
        well = answer.outcome in (Outcome.ACCEPTED, Outcome.REFUSED)
        self._failures = 0 if well else self._failures + 1
        if self._failures >= FAILURES:
            self._rests_until = self.now() + REST_SECONDS


@dataclass
class Provider:
    name: str
    door: SmsDoor
    kopecks_a_part: int = 0
    a_second: int = 0
    """From all workers together; 0: no limit."""
    breaker: Breaker = field(default_factory=Breaker)

    def end(self, answer: Answer, text: str) -> None:
        self.breaker.end(answer)
        handed_over.labels(self.name, answer.outcome).inc()
        if answer.outcome is Outcome.ACCEPTED:
            count = rules.sms_parts(text)
            parts.labels(self.name, rules.sms_alphabet(text)).inc(count)
            cost.labels(self.name).inc(count * self.kopecks_a_part)


Asked = Mapping[str, tuple[int, bool, bool]]


def choose(providers: Sequence[Provider], asked: Asked, busy: Collection[str] = ()) -> Provider | None:
    """Whom to ask; None where nobody may be asked now. `providers` stand in the order of their priority, and `busy`
    are those that have no turn soon.

    One whose answer is unknown is the only one: it may have the message. Else whoever did not refuse it and was asked
    the fewest times.
    """
    ready = [one for one in providers if one.breaker.lets_through and one.name not in busy]
    for provider in providers:
        if asked.get(provider.name, (0, False, False))[2]:
            return provider if provider in ready else None
    left = [one for one in ready if not asked.get(one.name, (0, False, False))[1]]
    return min(left, key=lambda one: asked.get(one.name, (0, False, False))[0], default=None)


async def in_turn(providers: Sequence[Provider], asked: Asked, turns: Turns) -> Provider | None:
    """Whom to ask, when its turn has come; past those that have none soon."""
    busy: set[str] = set()
    while (provider := choose(providers, asked, busy)) is not None:
        wait = await turns.take(provider.name, provider.a_second)
        if wait is not None:
            await asyncio.sleep(wait)
            return provider
        busy.add(provider.name)
    return None


def by_sms(providers: Sequence[Provider], pen: Pen, turns: Turns) -> HandOver:
    for one in providers:
        gauges.resting.labels(one.name).set_function(one.breaker.rests)
        for outcome in Outcome:
            handed_over.labels(one.name, outcome)

    async def hand_over(due: Due, may_hand_over: MayHandOver) -> Answer:
        sms, asked = pen.sms(due), due.asked or {}
        if not rules.is_phone(sms.to):
            _log.warning("phone_unusable", notification_id=due.id, kind=due.kind)
            return Answer(Outcome.REFUSED, "address")
        provider = await in_turn(providers, asked, turns)
        if provider is None:
            return Answer(Outcome.TRY_LATER, "no provider")
        seconds = await may_hand_over(provider=provider.name, repeatable=provider.door.repeatable)
        if seconds is None:
            return Answer(Outcome.WITHHELD)
        provider.breaker.begin()
        with telemetry.span("ask the provider", telemetry.CLIENT, **{"kabinet.provider": provider.name}):
            answer = await provider.door.send(sms.message_id, sms.to, sms.text, seconds)
        provider.end(answer, sms.text)
        return replace(answer, elsewhere=may_go_elsewhere(answer, provider, providers, asked))

    return hand_over


def may_go_elsewhere(answer: Answer, last: Provider, providers: Sequence[Provider], asked: Asked) -> bool:
    """Whether the first surely did not take it, and another can be asked that was asked less often."""
    if answer.outcome not in (Outcome.REFUSED, Outcome.TRY_LATER) or any(one[2] for one in asked.values()):
        return False
    times, _refused, _unknown = asked.get(last.name, (0, False, False))
    now_asked = {**asked, last.name: (times + 1, answer.outcome is Outcome.REFUSED, False)}
    following = choose(providers, now_asked)
    if following is None or following is last:
        return False
    return answer.outcome is Outcome.REFUSED or now_asked.get(following.name, (0, False, False))[0] <= times
