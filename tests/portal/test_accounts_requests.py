"""Requests on the list: what is being checked, and what was refused."""

import pytest

from portal.pages import accounts_shown
from tests.billing_link.conftest import NUMBER
from tests.portal.accounts_kit import OTHER, cards, somebody_else_holds, tags, tenant
from tests.portal.conftest import Cabinet

NOT_MATCHED = "Номер и сумма не сошлись с платежами за последние три месяца. Сверьте их с квитанцией и чеком."


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list waits for no worker that does not run."""
    monkeypatch.setattr(accounts_shown, "LIST_SECONDS", 0)


async def test_pending_request_can_be_looked_at_without_scripts(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request_id = await person.asked()

    page = await person.browser.open("/accounts")

    [card] = cards(page)
    assert "Сверяем сумму с платежами. Обычно это меньше минуты." in card.text
    assert card.attributes["data-pending"] == f"/accounts/requests/{request_id}"
    assert page.href(f"Посмотреть результат по счёту {NUMBER}") == "/accounts"
    assert page.root.all(role="status")
    assert page.root.all("meta", http_equiv="refresh") == []


async def test_check_that_takes_long_promises_a_letter(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.older(await person.asked(), minutes=6)

    [card] = cards(await person.browser.open("/accounts"))

    assert "Проверка идёт дольше обычного. Можно закрыть страницу: пришлём письмо." in card.text
    assert "Обычно это меньше минуты" not in card.text


async def test_refused_request_can_be_tried_again_with_its_number(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.refused()
    page = await person.browser.open("/accounts")
    assert NOT_MATCHED in cards(page)[0].text

    page = await person.browser.open(page.href(f"Попробовать снова со счётом {NUMBER}"))

    assert (page.value("account_number"), page.value("amount")) == (NUMBER, "")
    assert "autofocus" in page.root.all("input", name="amount")[0].attributes


async def test_request_of_somebody_else_fills_in_nothing(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request = await person.house.ask_and_work(await somebody_else_holds(person.house), OTHER, "1.11")

    page = await person.browser.open(f"/accounts/new?again={request['id']}")

    assert (page.status, page.value("account_number")) == (200, "")
    assert (await person.browser.open("/accounts/new?again=67123456")).status == 200


async def test_request_that_nobody_could_decide_is_nobodys_fault(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request_id = await person.asked()
    await person.older(request_id, minutes=73 * 60)
    await person.house.work()

    page = await person.browser.open("/accounts")

    [card] = cards(page)
    assert tags(page) == ["Не подтвердился"]
    assert "Проверить не получилось. Это не из-за вас, попробуйте ещё раз" in card.text


async def test_hidden_request_is_gone_for_this_session(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds(OTHER)
    await person.refused()
    await person.refused()
    page = await person.browser.open("/accounts")
    assert tags(page) == ["Подключён", "Не подтвердился"]

    page = await person.browser.press(page, f"Скрыть заявку на счёт {NUMBER}")

    assert (page.path, tags(page)) == ("/accounts", ["Подключён"])
    assert tags(await person.browser.open("/accounts")) == ["Подключён"]


async def test_newer_refusal_is_shown_though_an_earlier_one_was_hidden(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.refused()
    page = await person.browser.press(await person.browser.open("/accounts"), f"Скрыть заявку на счёт {NUMBER}")
    assert page.heading == "Добавьте лицевой счёт"

    await person.refused()

    assert tags(await person.browser.open("/accounts")) == ["Не подтвердился"]
