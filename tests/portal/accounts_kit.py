"""What the tests of account pages share: billing data behind the cabinet, and the worker that decides."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from shared.context import Locale
from tests.billing_link.conftest import NUMBER, TODAY, House, opened, paid
from tests.portal.browsing import NBSP, Browser, Page, Tag
from tests.portal.conftest import Cabinet

T = TypeVar("T")
OTHER = "67200418"
ADD = {"ru": "Добавить счёт", "en": "Add account"}


@dataclass
class Tenant:
    """Somebody signed in, and billing-link behind the pages."""

    browser: Browser
    house: House
    user_id: UUID

    async def holds(self, number: str = NUMBER, alias: str = "") -> None:
        """The account is linked already."""
        assert (await self.house.ask_and_work(self.user_id, number))["status"] == "linked"
        if alias:
            await self.house.call("PATCH", f"/v1/accounts/{number}", self.user_id, json={"alias": alias})

    async def asked(self, number: str = NUMBER, amount: str = "1234.00") -> str:
        """The id of a request that nobody has decided yet."""
        return str((await self.house.ask(self.user_id, number, amount)).json()["id"])

    async def refused(self, number: str = NUMBER) -> str:
        request = await self.house.ask_and_work(self.user_id, number, "1.11")
        assert request["status"] == "refused"
        return str(request["id"])

    async def add(self, number: str = NUMBER, amount: str = "1234,00") -> Page:
        """Fill in the form and press its button."""
        page = await self.browser.open("/accounts/new")
        return await self.browser.press(page, ADD[self.browser.language], account_number=number, amount=amount)

    async def meanwhile_decided(self, work: Awaitable[T]) -> T:
        """The worker decides what comes in while the page is on its way."""
        worker = asyncio.create_task(self._decide())
        try:
            return await work
        finally:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker

    async def _decide(self) -> None:
        while True:
            await self.house.work()
            await asyncio.sleep(0.02)

    async def older(self, request_id: str, minutes: int) -> None:
        """So long ago was the request made, and decided where it is."""
        assert await self.house.change(
            "UPDATE link_requests SET created_at = created_at - make_interval(mins => :minutes),"
            " decided_at = decided_at - make_interval(mins => :minutes) WHERE id = :id",
            minutes=minutes,
            id=UUID(request_id),
        )


async def tenant(cabinet: Cabinet, language: str = "ru", login: str = "petrova") -> Tenant:
    """Somebody signed in; billing knows two accounts, each with a payment of 1234.00."""
    house = House(cabinet.billing_link)
    await house.hear(opened(), paid(), opened(OTHER), paid(number=OTHER))
    browser = await cabinet.signed_in(language, login)
    [row] = await cabinet.identity.running.rows("SELECT id FROM users WHERE login = :login", login=login)
    return Tenant(browser, house, row.id)


async def somebody_else_holds(house: House, number: str = NUMBER) -> UUID:
    other = uuid4()
    assert (await house.ask_and_work(other, number))["status"] == "linked"
    return other


def said_date(cabinet: Cabinet, moment: datetime, locale: Locale = "ru") -> str:
    """As a page says it, its no-break spaces read as spaces."""
    return cabinet.wired.rendering.words[locale].date(moment).replace(NBSP, " ")


def tags(page: Page) -> list[str]:
    return [tag.text for tag in page.root.all(class_="govuk-tag")]


def links(part: Tag) -> list[str]:
    return [link.text for link in part.all("a")]


def cards(page: Page) -> list[Tag]:
    return page.root.all("li", class_="kb-account")


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)
