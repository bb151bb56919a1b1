"""Somebody who uses a running set over HTTP, and what they wait for."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import httpx2

from deploy.embedded.sample import Payment

PASSWORD, NEW_PASSWORD = "синий трамвай едет в депо", "зелёный автобус стоит у дома"
PHONE_BROWSER = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
DEADLINE_SECONDS = 20.0
T = TypeVar("T")


class StepFailed(Exception):
    """A step did not hold; the text says what came instead."""


class Kabinet(Protocol):
    """What a person needs of a running set, on whatever it runs."""

    @property
    def urls(self) -> Mapping[str, str]:
        """Where each service is asked, without a slash at the end."""

    @property
    def mailbox_url(self) -> str: ...

    @property
    def env(self) -> Mapping[str, str]:
        """The services' variables."""

    async def pause_kafka(self) -> None: ...

    async def resume_kafka(self) -> None: ...


@dataclass(kw_only=True)
class Person:
    """Somebody who uses a running set; what a step learns is kept for the next."""

    kabinet: Kabinet
    http: httpx2.AsyncClient
    login: str = "petrova"
    email: str = "petrova@example.org"
    phone: str = "+79123456789"
    code_id: str = ""
    phone_proof: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        service: str,
        path: str,
        expected: int,
        body: Any = None,
        token: str | None = None,
        browser: str | None = None,
    ) -> httpx2.Response:
        """One call; any other status than the expected one fails the step."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= {} if browser is None else {"User-Agent": browser}
        answer = await self.http.request(method, f"{self.kabinet.urls[service]}{path}", json=body, headers=headers)
        if answer.status_code != expected:
            raise StepFailed(f"{method} {service}{path} answered {answer.status_code}, not {expected}: {answer.text}")
        return answer

    async def message(self, to: str, channel: str, containing: str, after: int = 0) -> dict[str, Any]:
        """The newest message to somebody that holds the text, once there are more than `after` of them."""

        async def arrived() -> dict[str, Any] | None:
            answer = await self.http.get(
                f"{self.kabinet.mailbox_url}/api/messages", params={"to": to, "channel": channel}
            )
            items = [one for one in answer.json()["items"] if containing in f"{one['subject']} {one['text']}"]
            return items[0] if len(items) > after else None

        return await until(arrived, f"{channel} to {to} with “{containing}”")

    async def sign_in(
        self, login: str, password: str, expected: int = 201, browser: str | None = None
    ) -> dict[str, Any]:
        body = {"login": login, "password": password}
        answer = await self.call("POST", "identity", "/v1/sessions", expected, body, browser=browser)
        return dict(answer.json())

    async def link(self, payment: Payment, amount: str | None = None) -> tuple[dict[str, Any], float]:
        """Ask for an account; the decided request, seen by one waiting call, and the seconds that it took."""
        body = {"account_number": payment.account_number, "amount": amount or payment.amount}
        asked = await self.call("POST", "billing-link", "/v1/link-requests", 202, body, self.tokens["access_token"])
        began = time.monotonic()
        path = f"{asked.headers['location']}?wait=20"
        seen = await self.call("GET", "billing-link", path, 200, token=self.tokens["access_token"])
        return seen.json(), time.monotonic() - began

    async def accounts(self) -> list[dict[str, Any]]:
        token = self.tokens["access_token"]
        found: list[dict[str, Any]] = (await self.call("GET", "billing-link", "/v1/accounts", 200, token=token)).json()[
            "items"
        ]
        return found

    async def ask_code(self, phone: str) -> str:
        body = {"phone": phone, "purpose": "registration"}
        return str((await self.call("POST", "verification", "/v1/codes", 202, body)).json()["id"])

    async def code_from_sms(self, phone: str, after: int = 0) -> str:
        sms = await self.message(phone, "sms", "#", after)
        return str(sms["text"]).rpartition("#")[2].strip()


async def until(condition: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Ask until the condition gives something, or fail the step."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (found := await condition()) is None:
        if time.monotonic() > deadline:
            raise StepFailed(f"not within {DEADLINE_SECONDS:.0f} s: {what}")
        await asyncio.sleep(0.05)
    return found


def token_in(letter: dict[str, Any], kind: str) -> str:
    """The token of the link in a letter: `/c/…` confirms, `/r/…` recovers."""
    found = re.search(rf"/{kind}/([\w-]+)", letter["text"])
    if found is None:
        raise StepFailed(f"the letter “{letter['subject']}” holds no link")
    return found[1]


def same(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise StepFailed(f"{what}: {found!r}, not {expected!r}")
