"""Two tabs, the back button, reloading, and the browser's own restore: nothing is done twice."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from deploy.embedded.person import NEW_PASSWORD, PASSWORD
from tests.browser.chromium import chromium_program
from tests.browser.states_outside import code_sent
from tests.browser.town import Town
from tests.browser.visitor import Visitor, read, visiting

Came = Callable[..., Awaitable[Visitor]]


async def another_tab(visitor: Visitor) -> Page:
    tab = await visitor.context.new_page()
    visitor.listen(tab)
    return tab


async def sign_out(page: Page) -> None:
    async with page.expect_navigation():
        await page.locator("form[action='/session/end'] button").click()


async def test_tab_of_an_ended_session_asks_to_sign_in_and_comes_back(visitor: Came) -> None:
    first = await visitor()
    await first.sign_in("newcomer")
    await first.open("/settings/language")
    await sign_out(await opened_in(first, "/settings"))

    await first.send("/settings/language", language="ru")
    assert first.path == "/login"
    await first.send("/login", login=first.town.people["newcomer"].login, password=PASSWORD)

    assert first.path == "/settings/language"


async def opened_in(visitor: Visitor, path: str) -> Page:
    tab = await another_tab(visitor)
    await tab.goto(path)
    return tab


async def test_form_of_the_session_before_is_not_sent_but_shown_once_more(visitor: Came, town: Town) -> None:
    person = await town.confirmed("vkladkina")
    first = await visitor()
    await first.open("/feedback")
    await first.type("/feedback", topic="other", message="Всё на месте?", reply_to="petrova@example.org")
    second = await another_tab(first)
    await second.goto("/login")
    await second.locator("[name=login]").fill(person.login)
    await second.locator("[name=password]").fill(PASSWORD)
    async with second.expect_navigation():
        await second.locator("main form button[type=submit]").click()

    await first.press("/feedback")
    assert await first.notices() == ["Страница была открыта слишком долго. Нажмите кнопку ещё раз"]
    assert await first.page.locator("[name=message]").input_value() == "Всё на месте?"
    await first.press("/feedback")

    assert first.path == "/feedback/receipt"


async def test_button_pressed_in_two_tabs_asks_for_the_account_once(visitor: Came, town: Town) -> None:
    town.people["twice"] = person = await town.confirmed("dvazhdy")
    first = await visitor()
    await first.sign_in("twice")
    payment = town.sample.after_reopening
    typed = {"account_number": payment.account_number, "amount": payment.amount}
    await first.open("/accounts/new")
    second = Visitor(town, first.context, await another_tab(first), "ru", True)
    await second.open("/accounts/new")

    await first.send("/accounts/new", **typed)
    await second.send("/accounts/new", **typed)

    assert await first.notices() == [f"Счёт {payment.account_number} подключён"]
    assert (second.page.url, await second.errors()) == (f"{town.url}/accounts/new", ["Этот счёт уже в кабинете"])
    token = person.tokens["access_token"]
    held = await person.call("GET", "billing-link", "/v1/accounts", 200, token=token)
    assert len(held.json()["items"]) == 1


async def test_back_after_signing_out_shows_nothing_of_the_person(visitor: Came) -> None:
    resident = await visitor()
    await resident.sign_in("resident")
    await resident.open("/accounts")
    await sign_out(resident.page)

    await resident.page.go_back()

    assert resident.path == "/login"
    assert "67123456" not in await resident.page.content()


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("/recovery", {"login_or_email": "nobody@example.org"}),
        ("/feedback", {"topic": "other", "message": "Ещё раз", "reply_to": "petrova@example.org"}),
    ],
)
async def test_back_after_a_form_was_sent_shows_the_form_and_nothing_is_sent_again(
    visitor: Came, path: str, typed: dict[str, str]
) -> None:
    somebody = await visitor()
    await somebody.open(path)
    await somebody.send(path, **typed)
    posted: list[str] = []
    somebody.page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)

    await somebody.page.reload()
    await somebody.page.go_back()

    assert (posted, somebody.path, somebody.status) == ([], path, 200)
    assert await somebody.form(path).count() == 1


async def test_back_after_signing_in_leads_to_the_accounts(visitor: Came) -> None:
    newcomer = await visitor()
    await newcomer.sign_in("newcomer")

    await newcomer.page.go_back()

    assert newcomer.path == "/accounts"


async def test_back_from_an_error_shows_the_form_without_it(visitor: Came) -> None:
    somebody = await visitor()
    await somebody.open("/login")
    await somebody.send("/login", login="petrova", password=NEW_PASSWORD)

    await somebody.page.go_back()

    assert (somebody.path, somebody.status, await somebody.errors()) == ("/login", 200, [])


async def test_registration_goes_on_after_looking_at_another_page(visitor: Came) -> None:
    somebody = await visitor()
    person = await code_sent(somebody)
    await somebody.open("/personal-data")

    await somebody.open("/registration")

    assert await somebody.page.locator("[name=login]").input_value() == person.login
    assert await somebody.page.locator("[name=phone]").input_value() == person.phone
    assert await somebody.page.evaluate("document.activeElement.name") == "code"
    assert PASSWORD not in await somebody.page.content()


async def test_code_is_sent_without_leaving_the_page_and_passwords_stay_in_their_fields(visitor: Came) -> None:
    somebody = await visitor()
    came: list[str] = []
    await somebody.open("/registration")
    somebody.page.on("framenavigated", lambda frame: came.append(frame.url))

    await code_sent(somebody, open_first=False)

    assert came == []
    assert await somebody.page.locator("[name=password]").input_value() == PASSWORD
    assert await somebody.page.evaluate("document.activeElement.name") == "code"


async def test_browser_that_was_closed_and_restored_is_still_signed_in(town: Town, tmp_path: Path) -> None:
    """A profile on disk, as people have it: the session lives as long as identity says, not as long as the window."""

    async def started(act: Callable[[Page], Awaitable[None]]) -> None:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                tmp_path, executable_path=chromium_program(), base_url=town.url, locale="ru-RU"
            )
            await act(context.pages[0])
            await context.close()

    async def sign_in(page: Page) -> None:
        await page.goto("/login")
        await page.locator("[name=login]").fill("petrova")
        await page.locator("[name=password]").fill(PASSWORD)
        async with page.expect_navigation():
            await page.locator("main form button[type=submit]").click()

    async def look(page: Page) -> None:
        await page.goto("/accounts")
        assert read(await page.locator("h1").inner_text()) == "Лицевые счета"

    await started(sign_in)
    await started(look)


async def test_scripts_cannot_read_the_cookies_of_a_session(chromium: Browser, town: Town) -> None:
    async with visiting(chromium, town, who="newcomer") as visitor:
        await visitor.open("/accounts")

        cookies = await visitor.context.cookies()

        assert {cookie["name"] for cookie in cookies} >= {"kabinet", "device", "language"}
        assert all(
            cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies if cookie["name"] != "language"
        )
        assert await visitor.page.evaluate("document.cookie") in ("", f"language={visitor.locale}")
