"""A whole billing-link on a database of its own: its HTTP doors, its reactions, and what it said."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from billing_link.main import service
from billing_link.settings import BillingLinkSettings
from deploy.embedded.topics import FILE
from shared.contracts.billing import AccountOpened, PaymentPosted
from shared.database import affected
from shared.events import Event
from shared.inbox import hearing
from tests.kit import Running

NUMBER = "67123456"
TODAY = datetime.now(BillingLinkSettings.model_fields["time_zone"].default).date()


@dataclass
class House:
    """The service under test, reached as other programs reach it: by HTTP, by events, and by what it says."""

    running: Running
    heard: int = 0

    @property
    def settings(self) -> BillingLinkSettings:
        settings: BillingLinkSettings = self.running.kernel.settings
        return settings

    async def work(self) -> None:
        """Hear what the service said to itself since the last time."""
        said = await self.running.said()
        own = [event for event in said[self.heard :] if event.type in hearing(service.heard)]
        self.heard = len(said)
        await self.hear(*own)

    async def hear(self, *events: Event) -> None:
        await self.running.hears(*events)

    async def said(self, event: type[Event]) -> list[Any]:
        return await self.running.said(event)

    async def count(self, table: str, where: str = "true") -> int:
        return int((await self.running.rows(f"SELECT count(*) FROM {table} WHERE {where}"))[0][0])

    async def change(self, statement: str, **values: object) -> int:
        """How many rows it changed."""
        async with self.running.kernel.database.transaction() as session:
            return affected(await session.execute(text(statement), values))

    async def call(self, method: str, path: str, user_id: UUID, **arguments: Any) -> httpx2.Response:
        headers = self.running.bearer(user_id) | arguments.pop("headers", {})
        return await self.running.client.request(method, path, headers=headers, **arguments)

    async def ask(
        self, user_id: UUID, number: str = NUMBER, amount: str = "1234.00", **headers: str
    ) -> httpx2.Response:
        body = {"account_number": number, "amount": amount}
        return await self.call("POST", "/v1/link-requests", user_id, json=body, headers=headers)

    async def ask_and_work(self, user_id: UUID, number: str = NUMBER, amount: str = "1234.00") -> dict[str, Any]:
        """Ask, let the worker decide, and give the decided request."""
        asked = await self.ask(user_id, number, amount)
        assert asked.status_code == 202, asked.text
        await self.work()
        return await self.get(user_id, asked.headers["location"])

    async def get(self, user_id: UUID, path: str) -> dict[str, Any]:
        answer = await self.call("GET", path, user_id)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def accounts(self, user_id: UUID) -> list[dict[str, Any]]:
        return list((await self.get(user_id, "/v1/accounts"))["items"])


async def said_by(house: House, *arguments: str, fail_points: str = "") -> tuple[int, str]:
    """Exit code and output of `billing-link …` as a process."""
    environment = {
        "PATH": os.environ["PATH"],
        "BILLING_LINK_DATABASE_URL": house.running.kernel.database.dsn,
        "BILLING_LINK_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "BILLING_LINK_PUBLIC_KEYS_FILE": str(house.running.keys / "public.jwks.json"),
        "BILLING_LINK_PRIVATE_KEYS_FILE": str(house.running.keys / "billing-link.private.jwks.json"),
        "BILLING_LINK_TOPICS_FILE": str(FILE),
        "BILLING_LINK_FAIL_POINTS": fail_points,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "billing_link", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode()


def opened(number: str = NUMBER, opened_on: date = date(2020, 1, 1), **more: Any) -> AccountOpened:
    address = more.pop("address", "г. Тверь, ул. Садовая, д. 5, кв. 12")
    return AccountOpened(account_number=number, address=address, opened_on=opened_on, **more)


def paid(amount: str = "1234.00", number: str = NUMBER, days_ago: int = 20, **more: Any) -> PaymentPosted:
    fields = {"payment_id": str(uuid4()), "paid_on": TODAY - timedelta(days=days_ago), "service": "electricity"} | more
    return PaymentPosted(account_number=number, amount=amount, **fields)


@pytest.fixture
async def house(open_service: Callable[..., Awaitable[Running]]) -> House:
    return House(await open_service(service))


@pytest.fixture
async def known(house: House) -> House:
    """A house in which billing told of one account with one payment of 1234.00."""
    await house.hear(opened(), paid())
    return house
