"""People who sign in, read pages and ask for codes all the time, and what became of each call."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx2

from deploy.embedded.person import NEW_PASSWORD
from tests.containers.running_set import RunningSet


@dataclass
class Call:
    """One answer, or none (`status` 0)."""

    kind: str
    at: float
    status: int
    seconds: float

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Load:
    """Runs between `start` and `stop`; `calls` in the order of their ends."""

    kabinet: RunningSet
    http: httpx2.AsyncClient
    login: str
    calls: list[Call] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    """Whose codes were accepted: each of them gets its SMS."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        origin = self.kabinet.urls["identity"]
        numbers = itertools.count()

        async def sign_in() -> int:
            body = {"login": self.login, "password": NEW_PASSWORD}
            return (await self.http.post(f"{origin}/v1/sessions", json=body)).status_code

        async def page() -> int:
            return (await self.http.get(f"{origin}/login")).status_code

        async def code() -> int:
            number = next(numbers)  # of many prefixes: one alone would be taken for an attack
            phone = f"+79{number % 100 + 100:03d}{number:06d}"
            body = {"phone": phone, "purpose": "registration"}
            answer = await self.http.post(f"{origin}/v1/codes", json=body)
            if answer.status_code == 202:
                self.phones.append(phone)
            return answer.status_code

        for kind, act, pause in (("sign-in", sign_in, 0.2), ("page", page, 0.1), ("code", code, 1.5)):
            self._tasks.append(asyncio.create_task(self._again_and_again(kind, act, pause)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _again_and_again(self, kind: str, act: Callable[[], Awaitable[int]], pause: float) -> None:
        while True:
            began = time.monotonic()
            try:
                status = await act()
            except httpx2.HTTPError:
                status = 0
            ended = time.monotonic()
            self.calls.append(Call(kind, ended, status, ended - began))
            await asyncio.sleep(pause)

    async def good_again(self, kinds: set[str], since: float) -> bool:
        """Whether each kind of call has succeeded once after the moment."""
        return kinds <= {call.kind for call in self.calls if call.good and call.at - call.seconds > since}

    def failed(self, since: float) -> Counter[str]:
        """By kind and status, since the moment."""
        bad = [call for call in self.calls if call.at > since and not call.good]
        return Counter(f"{call.kind} {call.status or 'cut off'}" for call in bad)

    def longest(self, since: float) -> float:
        return max((call.seconds for call in self.calls if call.at > since), default=0.0)
