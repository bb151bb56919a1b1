"""The end of a cabinet: told before, done once, and nobody is signed in afterwards."""

import httpx2
import pytest

from shared.contracts.identity import UserErased
from tests.identity.conftest import PASSWORD
from tests.portal.conftest import Cabinet

DELETE = "Удалить кабинет"


class AnswersLost(httpx2.AsyncBaseTransport):
    """A way on which requests arrive and their answers do not."""

    def __init__(self, way: httpx2.AsyncBaseTransport) -> None:
        self._way = way

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._way.handle_async_request(request)
        raise httpx2.ReadError("the answer got lost")


async def test_what_goes_and_what_stays_is_told_before(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await browser.open("/settings/deletion")

    assert page.heading == "Удалить кабинет?"
    assert (
        "Удалим логин, почту, телефон, названия счетов и историю сообщений — за 24 часа."
        " Договор на электроэнергию останется."
    ) in page.text
    assert page.href("Сначала скачайте копию своих данных") == "/settings/data"
    assert page.href("Оставить") == "/settings"
    [button] = [one for one in page.root.all("button") if one.text == DELETE]
    assert "govuk-button--warning" in button.attributes["class"]


async def test_deleted_cabinet_says_farewell_and_lets_nobody_in(cabinet: Cabinet) -> None:
    browser, elsewhere = await cabinet.signed_in(), await cabinet.signed_in()

    page = await browser.press(await browser.open("/settings/deletion"), DELETE, current_password=PASSWORD)

    assert (page.path, page.heading) == ("/farewell", "Кабинет удаляется")
    assert "Спасибо, что были с нами" in page.text
    assert "Выйти" not in page.buttons()
    assert len(await cabinet.identity.running.said(UserErased)) == 1
    assert (await browser.open("/settings")).path == "/login"
    assert (await elsewhere.open("/settings")).path == "/login"
    assert (await cabinet.identity.sign_in()).status_code == 401


async def test_farewell_is_said_in_english(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in("en")
    page = await browser.open("/settings/deletion")
    assert page.heading == "Delete Kabinet?"
    assert (
        "We will erase your login, e-mail, phone, account names and message history within 24 hours."
        " Your electricity contract stays."
    ) in page.text

    page = await browser.press(page, "Delete", current_password=PASSWORD)

    assert (page.path, page.heading) == ("/farewell", "Your data is being erased")
    assert "Thank you for being with us" in page.text


async def test_browser_keeps_nothing_of_a_deleted_person(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await browser.press(await browser.open("/settings/phone"), "Получить код", phone="8 912 345-67-80")
    assert {"__Host-device", "__Host-draft"} <= set(browser.http.cookies)

    await browser.press(await browser.open("/settings/deletion"), DELETE, current_password=PASSWORD)

    assert not {"__Host-device", "__Host-draft"} & set(browser.http.cookies)


@pytest.mark.parametrize(("typed", "told"), [("не тот", "Пароль не подошёл"), ("", "Введите пароль")])
async def test_without_the_password_nothing_is_deleted(cabinet: Cabinet, typed: str, told: str) -> None:
    browser = await cabinet.signed_in()

    page = await browser.press(await browser.open("/settings/deletion"), DELETE, current_password=typed)

    assert (page.status, page.errors) == (422, {"current_password": told})
    assert await cabinet.identity.running.said(UserErased) == []
    assert (await browser.open("/settings")).status == 200


async def test_identity_away_deletes_nothing_and_says_so(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/deletion")
    cabinet.lines["identity"].cut = True

    page = await browser.press(page, DELETE, current_password=PASSWORD)

    assert (page.status, page.path) == (503, "/settings/deletion")
    cabinet.lines["identity"].cut = False
    page = await browser.press(page, DELETE, current_password=PASSWORD)
    assert page.path == "/farewell"


async def test_button_pressed_again_after_a_lost_answer_says_farewell(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/deletion")
    line = cabinet.lines["identity"]
    way, line._transport = line._transport, AnswersLost(line._transport)  # type: ignore[assignment]

    page = await browser.press(page, DELETE, current_password=PASSWORD)
    assert page.status == 503
    line._transport = way
    page = await browser.press(page, DELETE, current_password=PASSWORD)

    assert (page.path, page.heading) == ("/farewell", "Кабинет удаляется")
    assert len(await cabinet.identity.running.said(UserErased)) == 1
