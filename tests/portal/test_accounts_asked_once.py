"""One press is one request: twice, in two tabs, by the back button; and none from where it may not come."""

import asyncio

import pytest

from portal.pages import accounts_adding, accounts_shown
from tests.billing_link.conftest import NUMBER
from tests.portal.accounts_kit import ADD, tags, tenant
from tests.portal.conftest import Cabinet

REQUESTS = "/v1/link-requests"
BUTTON = ADD["ru"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for a worker that does not run."""
    monkeypatch.setattr(accounts_adding, "ANSWER_SECONDS", 0)
    monkeypatch.setattr(accounts_shown, "LIST_SECONDS", 0)


@pytest.mark.usefixtures("impatient")
async def test_button_pressed_twice_asks_once(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    page = await person.browser.open("/accounts/new")
    typed = {"account_number": NUMBER, "amount": "1234,00"}

    first, second = await asyncio.gather(
        person.browser.send(page, BUTTON, **typed), person.browser.send(page, BUTTON, **typed)
    )
    again = await person.browser.press(page, BUTTON, **typed)

    # Where both are on their way at once, the later may be asked to press again; never is there a second request.
    assert {first.status_code, second.status_code} <= {303, 409}
    assert (again.path, tags(again)) == ("/accounts", ["Проверяем"])
    assert len((await person.house.get(person.user_id, REQUESTS))["items"]) == 1


async def test_form_that_the_back_button_brings_tells_the_result_again(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    page = await person.browser.open("/accounts/new")
    typed = {"account_number": NUMBER, "amount": "1234,00"}
    await person.meanwhile_decided(person.browser.press(page, BUTTON, **typed))

    page = await person.browser.press(page, BUTTON, **typed)

    assert (page.path, page.notices) == ("/accounts", [f"Счёт {NUMBER} подключён"])
    assert len((await person.house.get(person.user_id, REQUESTS))["items"]) == 1


@pytest.mark.usefixtures("impatient")
async def test_two_tabs_that_ask_for_one_account_end_on_its_card(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    one, other = [await person.browser.open("/accounts/new") for _tab in range(2)]
    await person.browser.press(one, BUTTON, account_number=NUMBER, amount="1234,00")

    page = await person.browser.press(other, BUTTON, account_number=NUMBER, amount="1,11")

    assert (page.path, tags(page), page.notices) == ("/accounts", ["Проверяем"], [])
    assert len((await person.house.get(person.user_id, REQUESTS))["items"]) == 1


@pytest.mark.usefixtures("impatient")
async def test_changed_amount_is_another_request(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    page = await person.browser.open("/accounts/new")
    await person.browser.press(page, BUTTON, account_number=NUMBER, amount="1,11")
    await person.house.work()

    await person.browser.press(page, BUTTON, account_number=NUMBER, amount="1234,00")
    await person.house.work()

    assert tags(await person.browser.open("/accounts")) == ["Подключён"]


@pytest.mark.usefixtures("impatient")
async def test_form_of_another_session_asks_for_nothing(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    page = await person.browser.open("/accounts/new")
    typed = {"account_number": NUMBER, "amount": "1234,00"}

    page = await person.browser.press(page, BUTTON, **typed, form_token="0" * 64)

    assert (page.status, page.notices) == (
        403,
        ["Страница была открыта слишком долго. Нажмите кнопку ещё раз"],
    )
    assert cabinet.lines["billing-link"].calls("POST", REQUESTS) == []
    assert tags(await person.browser.press(page, BUTTON)) == ["Проверяем"]


async def test_form_sent_from_another_site_is_refused(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    page = await person.browser.open("/accounts/new")
    address, fields = page.form(BUTTON)

    answer = await person.browser.http.post(
        address,
        data=fields | {"account_number": NUMBER, "amount": "1234,00"},
        headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"},
    )

    assert answer.status_code == 403
    assert cabinet.lines["billing-link"].calls("POST", REQUESTS) == []
