"""The list of accounts: what is held, in which order, and what is told where a service is away."""

import re
from datetime import UTC, datetime

import pytest

from billing_link.linking import give_up_undecided
from portal.pages import accounts_shown
from shared.contracts.billing import AccountClosed
from shared.contracts.identity import LegacyUserMigrated
from tests.billing_link.conftest import NUMBER, TODAY
from tests.portal.accounts_kit import OTHER, cards, days_ago, links, said_date, somebody_else_holds, tags, tenant
from tests.portal.conftest import Cabinet


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list waits for no worker that does not run."""
    monkeypatch.setattr(accounts_shown, "LIST_SECONDS", 0)


async def test_whoever_has_nothing_yet_finds_the_form_at_once(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)

    page = await person.browser.open("/accounts")

    assert (page.status, page.heading) == (200, "Добавьте лицевой счёт")
    assert "От 5 до 14 цифр, он напечатан вверху квитанции" in page.text
    assert [one.attributes["aria-label"] for one in page.root.all(role="img")] == [
        "Образец квитанции: номер лицевого счёта — вверху, под адресом плательщика".replace(" —", "\u00a0—"),
        "Образец чека: сумма платежа за\u00a0электроэнергию, 1234\u00a0рубля 00\u00a0копеек",
    ]
    assert page.href("Где посмотреть номер и сумму") == "#sample"
    assert page.root.all(class_="govuk-back-link") == []
    assert page.form("Добавить счёт")[0] == "/accounts/new"


async def test_empty_list_speaks_english(cabinet: Cabinet) -> None:
    person = await tenant(cabinet, "en")

    page = await person.browser.open("/accounts")

    assert page.heading == "Add your account"
    assert "5 to 14 digits, at the top of the receipt" in page.text
    assert "Any electricity payment of the last three months, with kopecks. For example, 1234.00" in page.text
    assert page.href("Where to find the number and the amount") == "#sample"
    assert "Add account" in page.buttons()


async def test_linked_account_shows_name_number_address_and_since_when(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds(alias="Дача <b>")

    page = await person.browser.open("/accounts")

    assert page.heading == "Лицевые счета"
    assert page.href("Добавить счёт") == "/accounts/new"
    [card] = cards(page)
    assert tags(page) == ["Подключён"]
    assert [heading.text for heading in card.all("h2")] == ["Дача <b>"]
    assert "".join(group.text for group in card.all(class_="kb-number")[0].all("span")) == NUMBER
    assert "ул. Сад…" in card.text
    assert f"В кабинете с {said_date(cabinet, datetime.now(UTC))}" in card.text
    assert links(card) == ["Переименовать счёт «Дача <b>»", "Убрать счёт «Дача <b>»"]


async def test_account_without_a_name_is_called_by_its_number(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()

    [card] = cards(await person.browser.open("/accounts"))

    assert card.all("h2")[0].text == "Лицевой счёт"
    assert links(card) == [f"Переименовать счёт {NUMBER}", f"Убрать счёт {NUMBER}"]


async def test_cards_speak_english(cabinet: Cabinet) -> None:
    person = await tenant(cabinet, "en")
    await person.holds(alias="Flat")
    await person.refused(OTHER)
    await person.asked("67118802")

    page = await person.browser.open("/accounts")

    assert page.heading == "Your accounts"
    assert tags(page) == ["Linked", "Checking", "Not confirmed"]
    held, pending, refused = cards(page)
    assert f"Here since {said_date(cabinet, datetime.now(UTC), 'en')}" in held.text
    assert links(held) == ['Rename account "Flat"', 'Remove account "Flat"']
    assert "We are matching the amount with payments. It usually takes less than a minute." in pending.text
    assert "The result will appear here by itself." in pending.text
    assert "The number and amount did not match a payment of the last three months." in refused.text
    assert links(refused) == [f"Try again with account {OTHER}"]


async def test_account_of_the_old_portal_is_told_from_the_others(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.house.hear(
        LegacyUserMigrated(user_id=person.user_id, account_number=NUMBER, credentials_as_of=days_ago(1))
    )

    [card] = cards(await person.browser.open("/accounts"))

    assert f"Из старого кабинета, с {said_date(cabinet, datetime.now(UTC))}" in card.text


async def test_closed_contract_is_tagged_with_its_last_day(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    await person.house.hear(AccountClosed(account_number=NUMBER, closed_on=TODAY))

    page = await person.browser.open("/accounts")

    assert tags(page) == ["Закрыт"]
    assert f"Договор закрыт {said_date(cabinet, datetime.now(UTC))}" in cards(page)[0].text


async def test_contract_that_will_end_is_linked_still(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    await person.house.hear(AccountClosed(account_number=NUMBER, closed_on=days_ago(-10)))

    page = await person.browser.open("/accounts")

    assert tags(page) == ["Подключён"]
    assert "Договор закрывается" in cards(page)[0].text


async def test_linked_come_first_then_pending_then_refused(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.refused("67118802")
    await person.holds(OTHER)
    await person.holds(NUMBER)
    await person.asked("67118803")

    page = await person.browser.open("/accounts")

    assert tags(page) == ["Подключён", "Подключён", "Проверяем", "Не подтвердился"]
    assert [card.all(class_="kb-number")[0].text.replace(" ", "") for card in cards(page)] == [
        OTHER,
        NUMBER,
        "67118803",
        "67118802",
    ]


async def test_other_holders_are_counted_on_the_card(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    await somebody_else_holds(person.house)

    page = await person.browser.open("/accounts")
    assert page.href("Ещё 1 кабинет видит этот счёт").endswith("/holders")
    await somebody_else_holds(person.house)

    assert "Ещё 2 кабинета видят этот счёт" in (await person.browser.open("/accounts")).text


async def test_list_that_is_away_leaves_the_header_and_the_settings(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    cabinet.lines["billing-link"].cut = True

    page = await person.browser.open("/accounts")

    assert (page.status, page.heading) == (503, "Лицевые счета")
    assert page.answer.headers["retry-after"]
    assert "Кабинет пока не отвечает" in page.notices[0]
    assert "С вашими данными и счетами всё в порядке." in page.notices[0]
    assert page.href("Настройки") == "/settings"
    assert cards(page) == []
    assert not page.has_field("amount")


async def test_what_is_out_of_the_ordinary_speaks_english(cabinet: Cabinet) -> None:
    person = await tenant(cabinet, "en")
    await person.holds()
    await person.house.hear(AccountClosed(account_number=NUMBER, closed_on=TODAY))
    await person.older(await person.asked(OTHER), minutes=6)
    await person.older(await person.asked("67118802"), minutes=73 * 60)
    async with person.house.running.kernel.database.transaction() as session:
        assert await give_up_undecided(session) == 1

    page = await person.browser.open("/accounts")

    assert tags(page) == ["Closed", "Checking", "Not confirmed"]
    assert f"The contract ended on {said_date(cabinet, datetime.now(UTC), 'en')}" in page.text
    assert "It is taking longer than usual. You can leave: we will write to you." in page.text
    assert "We could not check it. It is not your fault, please try again" in page.text
    cabinet.lines["billing-link"].cut = True
    page = await person.browser.open("/accounts")
    assert page.notices[0].startswith("Kabinet is not responding yet We cannot show this page now.")


async def test_list_is_there_while_identity_is_away(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    cabinet.lines["identity"].cut = True

    page = await person.browser.open("/accounts")

    assert (page.status, tags(page)) == (200, ["Подключён"])


async def test_address_that_waits_for_its_letter_is_told_quietly(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    assert (await person.browser.open("/accounts")).notices == []
    await cabinet.identity.running.rows(
        "UPDATE users SET email = NULL, email_confirmed_at = NULL, pending_email = 'petrova@mail.ru',"
        " origin = 'migrated' RETURNING 1"
    )
    told = ["Подтвердите почту: письмо ждёт в ящике pe•••@mail.ru. Отправить ещё раз"]

    assert (await person.browser.open("/accounts")).notices == told
    await person.holds()
    page = await person.browser.open("/accounts")
    assert page.notices == told
    page = await person.browser.press(page, "Отправить ещё раз")

    assert page.path == "/settings/email"
    assert len(cabinet.lines["identity"].calls("POST", "/v1/me/email/letters")) == 1


async def test_no_address_of_a_page_or_a_form_holds_an_account_number(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    await person.refused(OTHER)
    await person.asked("67118802")
    await somebody_else_holds(person.house)

    page = await person.browser.open("/accounts")

    addresses = [one.attributes["href"] for one in page.root.all("a")]
    addresses += [one.attributes["action"] for one in page.root.all("form")]
    addresses += [one.attributes["data-pending"] for one in cards(page) if "data-pending" in one.attributes]
    assert len([one for one in addresses if one.startswith("/accounts/")]) >= 6
    assert not [one for one in addresses if re.search(rf"{NUMBER}|{OTHER}|67118802", one)]


@pytest.mark.parametrize("path", ["/accounts", "/accounts/new"])
async def test_whoever_is_not_signed_in_signs_in_and_comes_back(cabinet: Cabinet, path: str) -> None:
    await cabinet.identity.registered()
    browser = await cabinet.browser()

    page = await browser.open(path)
    assert page.path == "/login"

    page = await browser.press(page, "Войти", login="petrova", password="синий трамвай едет в депо")
    assert page.path == path
