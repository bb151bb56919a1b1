"""Services that hang: a page answers within its three seconds or says that it cannot, and keeps what was typed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain

import pytest
from playwright.async_api import Browser

from deploy.embedded.person import PASSWORD
from tests.browser.looking import complaints
from tests.browser.states import opened
from tests.browser.town import Town
from tests.browser.visitor import Locale, Visitor, visiting

PAGE_SECONDS = 3.0
AND_SLACK_SECONDS = 2.0
"""The browsers and the whole set share the machine."""
AWAY = {
    "ru": "Сейчас не получается. Всё, что вы ввели, на месте — попробуйте через пару минут",
    "en": "It is not working right now. Everything you typed is still here: try again in a couple of minutes",
}
NOT_RESPONDING = {"ru": "Кабинет пока не отвечает", "en": "Kabinet is not responding yet"}
VARIANTS: tuple[tuple[Locale, bool], ...] = (("ru", True), ("en", False))
"""Language, and whether scripts run."""

MOVING = "document.getAnimations().filter(one => one.playState === 'running').length"


@dataclass(frozen=True)
class Hang:
    """`before`: with everything well; then `act`, while `part` hangs. `kept`: fields that are shown again."""

    name: str
    part: str
    before: Callable[[Visitor], Awaitable[None]]
    act: Callable[[Visitor], Awaitable[None]]
    says: dict[str, str]
    who: str | None = None
    kept: dict[str, str] = field(default_factory=dict)


def pressed(path: str, button: str = "") -> Callable[[Visitor], Awaitable[None]]:
    async def act(visitor: Visitor) -> None:
        await visitor.press(path, button)

    return act


def typed(path: str, **values: str) -> Callable[[Visitor], Awaitable[None]]:
    async def before(visitor: Visitor) -> None:
        await visitor.open(path)
        await visitor.type(path, **values)

    return before


async def code_asked_for(visitor: Visitor) -> None:
    await visitor.button("/registration", "send_code").click()
    await visitor.page.locator("#messages .kb-notice").wait_for()


LETTER = {"message": "Не приходит письмо", "reply_to": "petrova@example.org"}
ACCOUNT = {"account_number": "67000033", "amount": "2222,00"}
PERSON = {"login": "petrova", "email": "petrova@example.org", "phone": "8 912 345-67-89"}
LOGIN = {"login": "petrova"}
HANGS = (
    Hang("login", "identity", typed("/login", **LOGIN, password=PASSWORD), pressed("/login"), AWAY, kept=LOGIN),
    Hang("code", "verification", typed("/registration", **PERSON), code_asked_for, AWAY, kept=PERSON),
    Hang("feedback", "notifier", typed("/feedback", topic="other", **LETTER), pressed("/feedback"), AWAY, kept=LETTER),
    Hang("accounts", "billing-link", opened("/settings"), opened("/accounts"), NOT_RESPONDING, "resident"),
    Hang("adding", "billing-link", typed("/accounts/new", **ACCOUNT), pressed("/accounts/new"), AWAY, "mover", ACCOUNT),
    Hang("language", "identity", opened("/accounts"), opened("/settings/language"), NOT_RESPONDING, "newcomer"),
    Hang("redis", "redis", opened("/accounts"), opened("/accounts"), NOT_RESPONDING, "newcomer"),
)


@pytest.mark.parametrize("hang", HANGS, ids=lambda hang: hang.name)
async def test_service_that_hangs_is_told_in_time_and_what_was_typed_stays(
    chromium: Browser, town: Town, hang: Hang
) -> None:
    async with AsyncExitStack() as stack:
        variants = [visiting(chromium, town, *one, hang.who) for one in VARIANTS]
        visitors = [await stack.enter_async_context(one) for one in variants]
        await asyncio.gather(*(hang.before(visitor) for visitor in visitors))

        async with town.stopped(hang.part):
            await asyncio.gather(*(hang.act(visitor) for visitor in visitors))

        for visitor in visitors:
            assert visitor.seconds < PAGE_SECONDS + AND_SLACK_SECONDS
            shown = [*await visitor.notices(), await visitor.heading()]
            assert any(one.startswith(hang.says[visitor.locale]) for one in shown), shown
            for name, value in hang.kept.items():
                assert await visitor.page.locator(f"main [name={name}]").first.input_value() == value
        found = await asyncio.gather(*(complaints(visitor) for visitor in visitors))
    if told := "\n".join(chain(*found)):
        pytest.fail(told, pytrace=False)


async def test_settings_are_shown_without_what_a_service_that_hangs_knows(chromium: Browser, town: Town) -> None:
    async with visiting(chromium, town, who="resident") as visitor:
        async with town.stopped("billing-link"):
            await visitor.open("/settings")

        assert (visitor.status, await visitor.heading()) == (200, "Настройки")
        assert visitor.seconds < PAGE_SECONDS + AND_SLACK_SECONDS
        assert await visitor.page.get_by_text("Сейчас не можем это показать").count() >= 1


async def test_account_that_is_being_checked_is_linked_before_the_eyes_of_whoever_waits(
    chromium: Browser, town: Town
) -> None:
    town.people["waiting"] = await town.confirmed("zhdet")
    payment = town.sample.after_reopening
    async with visiting(chromium, town, who="waiting") as visitor:
        await visitor.open("/accounts/new")
        async with town.stopped("kafka"):
            typed_in = {"account_number": payment.account_number, "amount": payment.amount}
            await visitor.send("/accounts/new", **typed_in)
            await visitor.page.get_by_text("Проверяем", exact=True).wait_for()
            found = await complaints(visitor)
            before = visitor.page.url
            moving = await visitor.page.evaluate(MOVING)
            await visitor.page.emulate_media(reduced_motion="reduce")
            moving_less = await visitor.page.evaluate(MOVING)

        await visitor.page.get_by_text("Подключён", exact=True).wait_for(timeout=60_000)

        assert found == []
        assert (moving, moving_less) == (1, 0)
        assert await visitor.page.locator("[data-live]").inner_text() == f"Счёт {payment.account_number} подключён"
        assert visitor.page.url == before
        assert await visitor.page.evaluate("document.activeElement === document.body")
