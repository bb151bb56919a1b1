"""Many people over HTTP at a bounded rate; every call that has an effect is in the history, with what was told."""

import asyncio
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx2

from deploy.embedded.launcher import EmbeddedSet
from tests.chaos.history import History, Outcome

TOKEN_SECONDS = 200.0
"""An access token lives for 300."""
NUMBERS = count(1)
"""People of one set have one name each, whatever scenario they belong to."""


@dataclass
class Person:
    """Somebody with a phone, a login and an address that nobody else has."""

    number: int = field(default_factory=lambda: next(NUMBERS))
    user_id: str = ""
    token: str = ""
    token_from: float = -TOKEN_SECONDS
    acts: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def login(self) -> str:
        return f"person-{self.number}"

    @property
    def email(self) -> str:
        return f"person-{self.number}@example.org"

    @property
    def phone(self) -> str:
        """Neighbours' numbers lie far apart: limits on a prefix are not what is measured."""
        return f"+7912{self.number * 10_007 % 10_000_000:07d}"

    @property
    def address(self) -> str:
        """Where the calls come from, as the proxy in front tells."""
        return f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"

    def act(self, what: str) -> str:
        """The id of the next thing that this person does."""
        return f"{what} {self.number}.{next(self.acts)}"


@dataclass
class Payment:
    """An account that nobody asked for yet, and the amount that proves it."""

    account_number: str
    kopecks: int

    def amount(self, off: int = 0) -> str:
        return f"{(self.kopecks + off) // 100}.{(self.kopecks + off) % 100:02d}"


@dataclass
class People:
    """Everybody who uses the set during one scenario.

    `subjects` tells of each expected effect (`<act> <effect>`) how it is known again where it is found: what the topic,
    the mailbox or the database names there. An act whose answer was lost has the subject `untold <what>`.
    """

    kabinet: EmbeddedSet
    http: httpx2.AsyncClient
    history: History
    payments: Iterator[Payment]
    patience: float = 60.0
    """Seconds for which somebody repeats a call that may be repeated, and waits for a letter."""
    idle: list[Person] = field(default_factory=list)
    subjects: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    truths: dict[str, str] = field(default_factory=dict)
    """What becomes of the request for an account, by its number."""
    references: dict[str, str] = field(default_factory=dict)
    """What support calls an act of feedback."""
    unanswered: list[tuple[float, str]] = field(default_factory=list)
    """Calls without an answer, or with a 5xx: when, and what."""
    refused: Counter[str] = field(default_factory=Counter)
    calls: int = 0

    async def call(
        self,
        person: Person,
        act: str,
        effects: tuple[str, ...],
        service: str,
        path: str,
        body: dict[str, Any],
        *,
        keyed: bool = False,
        once: bool = False,
    ) -> httpx2.Response | None:
        """POST, recorded as one try per expected effect; None where it was refused or nothing was told.

        `keyed`: with an Idempotency-Key, repeated until told. `once`: what it shows is used up by the effect, so it is
        repeated too, and a 410 after a lost answer says that the effect is there.
        """
        for effect in effects:
            self.history.invoke(f"{act} {effect}", act)
        headers = {"X-Forwarded-For": person.address}
        if keyed:
            headers["Idempotency-Key"] = f"chaos-people-{act.replace(' ', '-')}"
        if person.token:
            headers["Authorization"] = f"Bearer {person.token}"
        answer, lost = await self._told(f"{self.kabinet.urls[service]}{path}", body, headers, keyed or once)
        if answer is None:
            return None
        done = answer.status_code < 400 or (once and lost and answer.status_code == 410)
        if not done:
            self.refused[f"{act.split()[0]} {answer.status_code} {answer.text[:120]}"] += 1
        for effect in effects:
            self.history.end(f"{act} {effect}", Outcome.OK if done else Outcome.FAILED)
        return answer if done else None

    async def _told(
        self, url: str, body: dict[str, Any], headers: dict[str, str], repeat: bool
    ) -> tuple[httpx2.Response | None, bool]:
        """The first answer that says what became of it, and whether one was lost before."""
        deadline, lost = time.monotonic() + self.patience, False
        while True:
            self.calls += 1
            try:
                answer = await self.http.post(url, json=body, headers=headers)
                if answer.status_code < 500 and not (answer.status_code == 409 and "request-in-flight" in answer.text):
                    return answer, lost
                what = str(answer.status_code)
            except httpx2.HTTPError as problem:
                what = type(problem).__name__
            lost = True
            self.unanswered.append((time.time(), f"{what} {url.partition('/v1')[2]}"))
            if not repeat or time.monotonic() > deadline:
                return None, lost
            await asyncio.sleep(random.uniform(0.3, 0.8))

    async def message(self, to: str, channel: str, pattern: str, after: int = 0) -> str | None:
        """What the newest message to somebody says in the pattern's group, once more than `after` match."""
        deadline = time.monotonic() + self.patience
        params = {"to": to, "channel": channel}
        while time.monotonic() < deadline:
            await asyncio.sleep(0.4)
            try:
                found = await self.http.get(f"{self.kabinet.mailbox_url}/api/messages", params=params)
                texts = [re.search(pattern, item["text"]) for item in found.json()["items"]]
            except (httpx2.HTTPError, ValueError, KeyError):
                continue
            if len(matches := [match for match in texts if match]) > after:
                return matches[0][1]
        return None

    def expect(self, subject: str, effect: str) -> None:
        self.subjects[subject].append(effect)
