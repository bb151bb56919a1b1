"""Another address: it waits for its letter, and the old one stays meanwhile."""

from pathlib import Path

import pytest

from tests.identity.conftest import PASSWORD
from tests.portal.browsing import Browser, Page
from tests.portal.conftest import Cabinet
from tests.portal.settings_steps import migrated

CHANGE, AGAIN = "Сменить адрес", "Отправить письмо ещё раз"
SENT = (
    "Отправили письмо на ne•••@mail.ru. Адрес сменится, когда вы его подтвердите; прежний мы тоже предупредим."
    " Отправить письмо ещё раз"
)


async def changed(browser: Browser, email: str = "newer@mail.ru", password: str = PASSWORD) -> Page:
    page = await browser.open("/settings/email")
    return await browser.press(page, CHANGE, email=email, current_password=password)


async def test_new_address_waits_for_its_letter_while_the_old_one_stays(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await changed(browser)

    assert (page.status, page.path, page.notices) == (200, "/settings/email", [SENT])
    assert [one.email for one in await cabinet.identity.confirmations()][1:] == ["newer@mail.ru"]
    assert "petrova@mail.ru Подтверждён ne•••@mail.ru Ждёт подтверждения" in (await browser.open("/settings")).text
    assert "newer@mail.ru" not in page.answer.text


async def test_confirmed_new_address_takes_the_place_of_the_old_one(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await changed(browser)

    await cabinet.identity.confirm((await cabinet.identity.confirmations())[-1].token)

    assert "newer@mail.ru Подтверждён Изменить" in (await browser.open("/settings")).text
    assert (await browser.open("/settings/email")).notices == []


async def test_new_address_is_told_in_english(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in("en")

    page = await browser.press(
        await browser.open("/settings/email"), "Change the address", email="newer@mail.ru", current_password=PASSWORD
    )

    assert page.notices[0].startswith(
        "We sent a letter to ne•••@mail.ru. The address changes once you confirm it; we also tell the old one."
    )


async def test_wrong_password_is_told_and_the_address_stays(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await changed(browser, password="не тот")

    assert (page.status, page.errors) == (422, {"current_password": "Пароль не подошёл"})
    assert (page.value("email"), page.value("current_password")) == ("newer@mail.ru", "")
    assert page.title.startswith("Ошибка: ")


async def test_empty_and_impossible_fields_are_told_in_their_order(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    empty, impossible = await changed(browser, "", ""), await changed(browser, "newer@mailru")

    assert list(empty.errors.items()) == [("email", "Введите адрес почты"), ("current_password", "Введите пароль")]
    assert impossible.errors == {"email": "Проверьте адрес почты. Он выглядит так: name@mail.ru"}


async def test_too_many_wrong_passwords_are_told_with_the_time_to_wait(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await changed(browser, password="не тот 0")
    for number in range(1, 10):
        page = await browser.press(page, CHANGE, email="newer@mail.ru", current_password=f"не тот {number}")
    assert page.errors == {"current_password": "Пароль не подошёл"}

    page = await browser.press(page, CHANGE, email="newer@mail.ru", current_password=PASSWORD)

    assert (page.status, page.errors) == (429, {})
    assert page.notices[0].startswith("Слишком много попыток. Попробуйте через ")
    assert int(page.answer.headers["retry-after"]) > 60
    assert page.value("email") == "newer@mail.ru"


async def test_identity_away_loses_nothing_that_was_typed(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/email")
    cabinet.lines["identity"].cut = True

    page = await browser.press(page, CHANGE, email="newer@mail.ru", current_password=PASSWORD)

    assert (page.status, page.value("email"), page.value("username")) == (503, "newer@mail.ru", "petrova")
    assert page.notices == ["Сейчас не получается. Всё, что вы ввели, на месте — попробуйте через пару минут"]
    cabinet.lines["identity"].cut = False
    page = await browser.press(page, CHANGE, current_password=PASSWORD)
    assert page.notices == [SENT]


async def test_letter_is_sent_again_after_its_time(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await changed(browser)

    early = await browser.press(page, AGAIN)
    await cabinet.identity.let_pass("letter_requests", "created_at", "2 minutes")
    page = await browser.press(early, AGAIN)

    assert early.status == 429
    assert early.notices[0].startswith("Следующее письмо — через ")
    assert page.notices == ["Отправили ещё раз", SENT]
    assert [one.email for one in await cabinet.identity.confirmations()][1:] == ["newer@mail.ru"] * 2


async def test_own_address_again_changes_nothing_and_says_so(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await changed(browser, "petrova@mail.ru")

    assert (page.path, page.notices) == ("/settings", ["Этот адрес у вас уже указан"])


async def test_another_new_address_takes_the_place_of_the_one_that_waits(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await changed(browser)

    page = await browser.press(page, CHANGE, email="third@yandex.ru", current_password=PASSWORD)

    assert "th•••@yandex.ru" in page.notices[0]


async def test_first_address_of_a_moved_user_waits_on_the_settings_too(cabinet: Cabinet, tmp_path: Path) -> None:
    browser = await migrated(cabinet, tmp_path)

    overview, page = await browser.open("/settings"), await browser.open("/settings/email")

    assert overview.notices == ["Подтвердите почту: письмо ждёт в ящике iv•••@mail.ru. Отправить ещё раз"]
    assert page.notices == [
        "Отправили письмо на iv•••@mail.ru. Нажмите в нём кнопку, чтобы подтвердить адрес. Отправить письмо ещё раз"
    ]
    await cabinet.identity.let_pass("letter_requests", "created_at", "2 minutes")
    page = await browser.press(overview, "Отправить ещё раз")
    assert (page.path, page.notices[0]) == ("/settings/email", "Отправили ещё раз")


async def test_address_that_refuses_letters_is_told_with_what_to_do(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await cabinet.identity.running.rows("UPDATE users SET email_problem = 'rejected' RETURNING 1")

    page = await browser.open("/settings/email")

    assert "Наши письма на petrova@mail.ru возвращаются. Проверьте, работает ли ящик" in page.text
    assert "Письма возвращаются" in (await browser.open("/settings")).text


@pytest.mark.parametrize("path", ["email", "phone", "password", "deletion"])
async def test_password_managers_are_told_whose_password_it_is(cabinet: Cabinet, path: str) -> None:
    browser = await cabinet.signed_in()

    page = await browser.open(f"/settings/{path}")

    [login] = page.root.all("input", autocomplete="username")
    assert (login.attributes["value"], "readonly" in login.attributes) == ("petrova", True)
    [password] = page.root.all("input", name="current_password")
    assert password.attributes["autocomplete"] == "current-password"
