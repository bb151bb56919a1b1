"""Signing in and out, and the session that is kept meanwhile."""

from tests.identity.conftest import PASSWORD
from tests.portal.conftest import Cabinet, sign_in


async def test_right_password_opens_the_accounts(cabinet: Cabinet) -> None:
    await cabinet.identity.registered()
    browser = await cabinet.browser()

    page = await sign_in(browser)

    assert page.path == "/accounts"


async def test_wrong_password_is_told_on_the_login_which_stays(cabinet: Cabinet) -> None:
    await cabinet.identity.registered()
    browser = await cabinet.browser()

    page = await sign_in(browser, password="не тот пароль")

    assert (page.status, page.path) == (422, "/login")
    assert page.errors == {"login": "Логин или пароль не подошли. Проверьте раскладку и попробуйте ещё раз"}
    assert (page.value("login"), page.value("password")) == ("petrova", "")
    assert page.title.startswith("Ошибка: ")


async def test_empty_fields_are_told_in_their_order(cabinet: Cabinet) -> None:
    page = await sign_in(await cabinet.browser(), login=" ", password="")

    assert list(page.errors.items()) == [("login", "Введите логин"), ("password", "Введите пароль")]


async def test_language_is_a_setting_that_is_told_when_it_is_changed(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/language")
    assert (page.heading, page.value("language")) == ("Язык", "ru")

    page = await browser.press(page, "Сохранить", language="en")

    assert (await browser.open("/settings/language")).heading == "Language"
    assert page.notices == ["The language is changed"]


async def test_whoever_signed_out_is_told_and_asked_to_sign_in(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.press(await browser.open("/settings/language"), "Выйти")

    assert (page.path, page.notices) == ("/login", ["Вы вышли из кабинета"])
    assert (await browser.open("/settings/language")).path == "/login"
    assert PASSWORD not in page.answer.text
