"""The card that waits for its result by itself: asked for by the page's script, one at a time."""

from uuid import UUID

import pytest

from portal.pages import accounts, accounts_shown
from tests.billing_link.conftest import NUMBER
from tests.portal.accounts_kit import OTHER, Tenant, somebody_else_holds, tags, tenant
from tests.portal.browsing import NBSP, Page, Tag
from tests.portal.conftest import Cabinet


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "HELD_SECONDS", 0)
    monkeypatch.setattr(accounts_shown, "LIST_SECONDS", 0)


async def card(person: Tenant, request_id: str) -> Tag:
    """What the script finds in the answer."""
    answer = await person.browser.http.get(f"/accounts/requests/{request_id}", headers={"Sec-Fetch-Dest": "empty"})
    assert answer.status_code == 200, answer.text
    root = Page(answer).root
    [found] = root.all(id=f"request-{request_id}")
    assert root.all()[0] is found, "the card alone"
    return found


async def test_pending_card_goes_on_waiting(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request_id = await person.asked()

    found = await card(person, request_id)

    assert found.attributes["data-pending"] == f"/accounts/requests/{request_id}"
    assert "Сверяем сумму с платежами" in found.text


async def test_card_is_answered_as_soon_as_the_request_is_decided(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "HELD_SECONDS", 20)
    person = await tenant(cabinet)
    request_id = await person.asked()

    found = await person.meanwhile_decided(card(person, request_id))

    assert "data-pending" not in found.attributes
    assert found.attributes["data-said"] == f"Счёт {NUMBER} подключён"
    assert found.all(class_="govuk-tag")[0].text == "Подключён"
    assert [link.text for link in found.all("a")] == [f"Переименовать счёт {NUMBER}", f"Убрать счёт {NUMBER}"]


async def test_linked_card_tells_of_other_holders(cabinet: Cabinet) -> None:
    person = await tenant(cabinet, "en")
    await somebody_else_holds(person.house)
    request_id = await person.asked()
    await person.house.work()

    found = await card(person, request_id)

    assert found.attributes["data-said"] == f"Account {NUMBER} is linked"
    assert "1 more person sees this account" in found.text


async def test_refused_card_can_be_hidden_and_tried_again(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request_id = await person.refused()

    found = await card(person, request_id)

    assert found.attributes["data-said"].replace(NBSP, " ") == f"Счёт {NUMBER} не подтвердился"
    [form] = found.all("form")
    fields = {one.attributes["name"]: one.attributes["value"] for one in form.all("input")}
    answer = await person.browser.http.post(
        form.attributes["action"], data=fields, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/accounts")
    assert tags(await person.browser.open("/accounts")) == []


async def test_card_of_an_account_that_was_removed_since_is_nothing_to_see(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    [request] = (await person.house.get(person.user_id, "/v1/link-requests"))["items"]
    await person.house.call("DELETE", f"/v1/accounts/{NUMBER}", person.user_id)

    found = await card(person, request["id"])

    assert "hidden" in found.attributes
    assert "data-pending" not in found.attributes


async def test_card_takes_no_message_away_from_the_next_page(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    request_id = await person.asked(OTHER)
    page = await person.browser.open((await person.browser.open("/accounts")).href(f"Убрать счёт {NUMBER}"))
    await person.browser.send(page, "Убрать счёт")

    await card(person, request_id)

    assert (await person.browser.open("/accounts")).notices == [f"Счёт {NUMBER} убран из кабинета"]


async def test_whoever_opens_the_card_as_a_page_gets_the_list(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request_id = await person.asked()

    answer = await person.browser.http.get(f"/accounts/requests/{request_id}", headers={"Sec-Fetch-Dest": "document"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/accounts")


@pytest.mark.parametrize("path", [f"/accounts/requests/{UUID(int=7)}", "/accounts/requests/67123456"])
async def test_request_that_is_not_the_visitors_has_no_card(cabinet: Cabinet, path: str) -> None:
    person = await tenant(cabinet)

    assert (await person.browser.open(path)).status == 404


async def test_card_of_somebody_elses_request_is_not_shown(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request_id = await person.asked()
    stranger = await tenant(cabinet, login="sidorov")

    page = await stranger.browser.open(f"/accounts/requests/{request_id}")

    assert page.status == 404
    assert NUMBER not in page.answer.text


async def test_card_is_not_shown_to_whoever_signed_out(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request_id = await person.asked()
    await person.browser.press(await person.browser.open("/accounts"), "Выйти")

    answer = await person.browser.http.get(f"/accounts/requests/{request_id}", headers={"Sec-Fetch-Dest": "empty"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_dismissal_by_the_form_of_another_session_hides_nothing(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.refused()
    page = await person.browser.open("/accounts")

    page = await person.browser.press(page, f"Скрыть заявку на счёт {NUMBER}", form_token="0" * 64)

    assert (page.path, tags(page)) == ("/accounts", ["Не подтвердился"])
    assert page.notices == ["Страница была открыта слишком долго. Нажмите кнопку ещё раз"]
