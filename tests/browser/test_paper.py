"""The accounts on paper."""

from collections.abc import Awaitable, Callable

from tests.browser.visitor import Visitor

Came = Callable[..., Awaitable[Visitor]]
SHOWN = """selector => [...document.querySelectorAll(selector)].filter(one => one.checkVisibility()).length"""
WHITE = "rgb(255, 255, 255)"


async def test_printed_accounts_are_white_without_buttons_and_their_cards_are_whole(visitor: Came) -> None:
    resident = await visitor(who="resident", color_scheme="dark")
    await resident.open("/accounts")

    await resident.page.emulate_media(media="print", color_scheme="dark")

    page = resident.page
    assert await page.evaluate(SHOWN, "button, .govuk-button, .kb-account__actions a, nav") == 0
    assert await page.evaluate(SHOWN, ".kb-account") == 3
    background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background in (WHITE, "rgba(0, 0, 0, 0)")
    broken = "[...document.querySelectorAll('.kb-card')].map(one => getComputedStyle(one).breakInside)"
    assert set(await page.evaluate(broken)) == {"avoid"}
    assert len(await page.pdf()) > 1000
