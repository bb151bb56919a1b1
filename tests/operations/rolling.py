"""A service's api replaced one process after another while requests go on: by the next release, and back again."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx2
from uuid_utils.compat import uuid7

from tests.kit import Running, eventually
from tests.releases.release import Program, Release

CALLERS = 3
END_SECONDS = 30.0
"""The promise is ten; that it holds is looked at where nothing else has the machine."""
ANSWERED_BETWEEN = 30
"""So many requests at least are answered between two steps, so that no step goes by in a pause."""


@dataclass
class Balancer:
    """Gives each request to the next of the processes that are in; who is taken out ends what it has first.

    As a cluster does it: `preStop` holds SIGTERM back until nobody sends requests any more. Nothing is tried twice.
    """

    inside: list[httpx2.AsyncClient] = field(default_factory=list)
    under_way: Counter[httpx2.AsyncClient] = field(default_factory=Counter)
    turn: "itertools.count[int]" = field(default_factory=itertools.count)

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> httpx2.Response:
        client = self.inside[next(self.turn) % len(self.inside)]
        self.under_way[client] += 1
        try:
            return await client.request(method, path, headers=headers, json=body)
        finally:
            self.under_way[client] -= 1

    async def take_in(self, program: Program) -> None:
        assert (await program.readyz()).status_code == 200
        self.inside.append(httpx2.AsyncClient(base_url=program.url, timeout=10))

    async def take_out(self, program: Program) -> None:
        client = next(one for one in self.inside if str(one.base_url).rstrip("/") == program.url)
        self.inside.remove(client)

        async def idle() -> bool:
            return self.under_way[client] == 0

        await eventually(idle, 15)
        await client.aclose()


@dataclass
class Crowd:
    """People who ask for accounts and look at them; each answer is counted, whatever it was."""

    balancer: Balancer
    api: Running
    accounts: list[str]
    answers: Counter[str] = field(default_factory=Counter)
    asked: list[UUID] = field(default_factory=list)
    """Requests for accounts that were taken on."""

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        callers = [asyncio.create_task(self._call(number, stop)) for number in range(CALLERS)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*callers)

    async def more(self) -> None:
        """Until some more requests were answered."""
        before = self.answers.total()

        async def enough() -> bool:
            return self.answers.total() - before >= ANSWERED_BETWEEN

        await eventually(enough, 60)

    async def _call(self, number: int, stop: asyncio.Event) -> None:
        account = self.accounts[number % len(self.accounts)]
        while not stop.is_set():
            headers = self.api.bearer(uuid7())  # of somebody who asks for the first time
            body = {"account_number": account, "amount": "1234.00"}
            await self._counted("POST", "/v1/link-requests", headers, body)
            await self._counted("GET", "/v1/accounts", headers)

    async def _counted(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> None:
        try:
            answer = await self.balancer.send(method, path, headers, body)
        except httpx2.HTTPError as problem:
            self.answers[f"{method} {type(problem).__name__}"] += 1
            return
        self.answers[f"{method} {answer.status_code}"] += 1
        if answer.status_code == 202:
            self.asked.append(UUID(answer.json()["id"]))


@dataclass
class Fleet:
    """The processes of one service behind one balancer."""

    balancer: Balancer
    settings: Mapping[str, str]
    stack: AsyncExitStack
    running: list[Program] = field(default_factory=list)

    async def start(self, release: Release) -> None:
        program = await self.stack.enter_async_context(release.running(self.settings, "api"))
        await self.balancer.take_in(program)
        self.running.append(program)

    async def replace(self, release: Release, crowd: Crowd) -> None:
        """Each process by one of the release, the new one first; the old one must end well by itself."""
        for old in list(self.running):
            await self.start(release)
            await crowd.more()
            await self.balancer.take_out(old)
            self.running.remove(old)
            old.process.terminate()
            assert await asyncio.wait_for(old.process.wait(), END_SECONDS) == 0
            await crowd.more()
