"""The settings at a glance, and what every page of theirs does alike."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.billing_link.conftest import House, opened, paid
from tests.identity.conftest import PASSWORD
from tests.portal.browsing import Page
from tests.portal.conftest import Cabinet, sign_in
from tests.portal.settings_steps import end_sessions, migrated

ENDED = "Прошло много времени, и вход закончился. Войдите ещё раз — вернёмся на ту же страницу"
PAGES = {
    "/settings": "Настройки",
    "/settings/email": "Новый адрес почты",
    "/settings/phone": "Новый номер телефона",
    "/settings/password": "Смена пароля",
    "/settings/old-login": "Перенести счёт из старого кабинета",
    "/settings/language": "Язык",
    "/settings/devices": "Устройства",
    "/settings/notifications": "Письма и SMS",
    "/settings/data": "Копия данных",
    "/settings/deletion": "Удалить кабинет?",
}
BUTTONS = {
    "/settings/email": "Сменить адрес",
    "/settings/phone": "Сменить номер",
    "/settings/password": "Сменить пароль",
    "/settings/old-login": "Перенести счёт",
    "/settings/language": "Сохранить",
    "/settings/data": "Скачать архив",
    "/settings/deletion": "Удалить кабинет",
}
AWAY = "Сейчас не можем это показать"


class AtOnce(httpx2.AsyncBaseTransport):
    """A way on which nobody is answered before all have asked."""

    def __init__(self, way: httpx2.AsyncBaseTransport, all_have_asked: asyncio.Barrier) -> None:
        self._way, self._all_have_asked = way, all_have_asked

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._all_have_asked.wait()
        return await self._way.handle_async_request(request)


def rows(page: Page) -> dict[str, str]:
    """What stands in each row, by its name."""
    made = page.root.all("div", class_="govuk-summary-list__row")
    return {one.all("dt")[0].text: one.all("dd")[0].text for one in made}


async def test_settings_show_everything_at_a_glance(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await browser.open("/settings")

    assert (page.status, page.heading, page.title) == (200, "Настройки", "Настройки — Кабинет")
    assert rows(page) == {
        "Логин": "petrova",
        "E-mail": "petrova@mail.ru Подтверждён",
        "Телефон": "+7 912 345-67-89",
        "Пароль": "Задан",
        "Устройства": "Вход выполнен на 1 устройстве",
        "Подключены": "Пока нет",
        "Ещё один счёт": "По номеру и сумме платежа",
        "Старый кабинет": "По логину и паролю от него",
        "Язык": "Русский",
        "Письма и SMS": "Что и когда мы вам отправляли",
        "Копия данных": "Всё, что мы о вас храним, одним архивом",
        "Кабинет": "Удалить вместе со всеми данными",
    }
    assert page.href("Изменить e-mail") == "/settings/email"
    assert page.href("Добавить лицевой счёт") == "/accounts/new"
    assert page.href("Удалить кабинет") == "/settings/deletion"


async def test_settings_are_there_in_english(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in("en")

    page = await browser.open("/settings")

    assert page.heading == "Settings"
    shown = rows(page)
    assert (shown["E-mail"], shown["Devices"]) == ("petrova@mail.ru Confirmed", "Signed in on 1 device")
    assert (shown["Connected"], shown["Language"]) == ("None yet", "English")
    assert "Your data" in page.text


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_every_page_leads_back_and_carries_the_tabs(cabinet: Cabinet, language: str) -> None:
    browser = await cabinet.signed_in(language)

    pages = [await browser.open(path) for path in PAGES]

    assert [(page.status, page.path) for page in pages] == [(200, path) for path in PAGES]
    current = [[tab.text for tab in page.root.all("a", aria_current="page")] for page in pages]
    assert current == [["Настройки" if language == "ru" else "Settings"]] * len(pages)
    back = [[link.attributes["href"] for link in page.root.all("a", class_="govuk-back-link")] for page in pages[1:]]
    assert back == [["/settings"]] * len(back)
    if language == "ru":
        assert [page.heading for page in pages] == list(PAGES.values())


async def test_devices_and_accounts_are_counted(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await sign_in(await cabinet.browser())
    house = House(cabinet.billing_link)
    [(user_id,)] = await cabinet.identity.running.rows("SELECT id FROM users")
    for number in ("67123456", "67123457"):
        await house.hear(opened(number), paid(number=number))
        assert (await house.ask_and_work(user_id, number))["status"] == "linked"

    page = await browser.open("/settings")

    assert rows(page)["Устройства"] == "Вход выполнен на 2 устройствах"
    assert rows(page)["Подключены"] == "2 счёта"


async def test_services_are_asked_side_by_side(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    all_three = asyncio.Barrier(3)
    for line in cabinet.lines.values():
        line._transport = AtOnce(line._transport, all_three)  # type: ignore[assignment]

    page = await browser.open("/settings")

    assert AWAY not in page.text


@pytest.mark.parametrize(
    ("service", "missing"),
    [
        ("billing-link", {"Подключены"}),
        ("identity", {"Логин", "E-mail", "Телефон", "Устройства"}),
    ],
)
async def test_a_service_that_is_away_is_told_in_its_rows_alone(
    cabinet: Cabinet, service: str, missing: set[str]
) -> None:
    browser = await cabinet.signed_in()
    cabinet.lines[service].cut = True

    page = await browser.open("/settings")

    assert page.status == 200
    assert {name for name, value in rows(page).items() if value == AWAY} == missing
    assert page.href("Изменить пароль") == "/settings/password"


async def test_nothing_answers_is_told_by_a_page(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    for line in cabinet.lines.values():
        line.cut = True

    page = await browser.open("/settings")

    assert (page.status, page.heading) == (503, "Кабинет пока не отвечает")
    assert int(page.answer.headers["retry-after"]) > 0


async def test_address_that_waits_and_one_that_refuses_letters_are_marked(cabinet: Cabinet, tmp_path: Path) -> None:
    browser = await migrated(cabinet, tmp_path)

    waiting = rows(await browser.open("/settings"))
    await cabinet.identity.running.rows("UPDATE users SET email_problem = 'rejected' RETURNING 1")
    refusing = rows(await browser.open("/settings"))

    assert waiting["E-mail"] == "ivanov@mail.ru Ждёт подтверждения"
    assert refusing["E-mail"] == "ivanov@mail.ru Письма возвращаются"
    assert waiting["Телефон"] == "Не указан"


@pytest.mark.parametrize("path", PAGES)
async def test_stranger_signs_in_first_and_comes_back(cabinet: Cabinet, path: str) -> None:
    await cabinet.identity.registered()
    browser = await cabinet.browser()

    page = await browser.open(path)
    assert (page.path, page.notices) == ("/login", [])
    page = await browser.press(page, "Войти", login="petrova", password=PASSWORD)

    assert page.path == path


@pytest.mark.parametrize("path", BUTTONS)
async def test_session_that_ended_in_the_middle_leads_to_the_sign_in_and_back(cabinet: Cabinet, path: str) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open(path)
    await end_sessions(cabinet)

    page = await browser.press(page, BUTTONS[path], **filled(path))

    assert (page.path, page.notices) == ("/login", [ENDED])
    page = await browser.press(page, "Войти", login="petrova", password=PASSWORD)
    assert (page.status, page.path) == (200, path)


@pytest.mark.parametrize("path", [*BUTTONS, "/settings/devices"])
async def test_form_of_another_site_changes_nothing(cabinet: Cabinet, path: str) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open(path)
    before = len(calls_that_change(cabinet))
    token = page.root.all("input", name="form_token")[0].attributes["value"]

    answer = await browser.http.post(
        path, data=filled(path) | {"form_token": token}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status_code == 403
    assert len(calls_that_change(cabinet)) == before


@pytest.mark.parametrize("path", BUTTONS)
async def test_form_of_another_session_changes_nothing_and_is_shown_again(cabinet: Cabinet, path: str) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open(path)
    before = len(calls_that_change(cabinet))

    page = await browser.press(page, BUTTONS[path], form_token="0" * 64, **filled(path))

    assert (page.status, page.path) == (403, path)
    assert page.notices[0] == "Страница была открыта слишком долго. Нажмите кнопку ещё раз"
    assert len(calls_that_change(cabinet)) == before


async def test_language_is_changed_for_pages_and_letters(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await browser.press(await browser.open("/settings/language"), "Сохранить", language="en")

    assert (page.path, page.notices) == ("/settings", ["The language is changed"])
    assert await cabinet.identity.running.rows("SELECT locale FROM users") == [("en",)]


async def test_language_that_is_none_is_told(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await browser.press(await browser.open("/settings/language"), "Сохранить", language="de")

    assert (page.status, page.errors) == (422, {"language": "Выберите язык"})


def filled(path: str) -> dict[str, str]:
    """What a person could have typed there."""
    typed = {
        "/settings/email": {"email": "new@mail.ru", "current_password": PASSWORD},
        "/settings/phone": {"phone": "8 912 345-67-80", "code": "12345", "current_password": PASSWORD},
        "/settings/password": {
            "current_password": PASSWORD,
            "password": "зелёный автобус стоит",
            "password_confirmation": "зелёный автобус стоит",
        },
        "/settings/old-login": {"login": "67123456", "password": "qwerty77"},
        "/settings/language": {"language": "en"},
        "/settings/devices": {"all_others": "yes"},
        "/settings/deletion": {"current_password": PASSWORD},
    }
    return typed.get(path, {})


def calls_that_change(cabinet: Cabinet) -> list[str]:
    return [str(one.url) for line in cabinet.lines.values() for one in line.seen if one.method != "GET"]
