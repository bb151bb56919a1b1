"""Adding an account: the form keeps what was typed, every refusal is told, and so is the result."""

import httpx2
import pytest

from portal.pages import accounts_adding, accounts_shown
from tests.billing_link.conftest import NUMBER
from tests.portal.accounts_kit import ADD, OTHER, cards, tags, tenant
from tests.portal.conftest import Cabinet

REQUESTS = "/v1/link-requests"
BUTTON = ADD["ru"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for a worker that does not run."""
    monkeypatch.setattr(accounts_adding, "ANSWER_SECONDS", 0)
    monkeypatch.setattr(accounts_shown, "LIST_SECONDS", 0)


async def test_page_is_the_form_with_a_way_back(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)

    page = await person.browser.open("/accounts/new")

    assert page.heading == "Добавьте лицевой счёт"
    assert page.href("Счета") == "/accounts"
    assert [link.text for link in page.root.all("a", class_="govuk-back-link")] == ["Счета"]
    assert page.root.all("input", name="account_number")[0].attributes["inputmode"] == "numeric"
    assert page.root.all("input", name="amount")[0].attributes["inputmode"] == "decimal"
    assert page.root.all("input", name="amount")[0].attributes["autocomplete"] == "off"


async def test_right_amount_links_while_the_button_waits(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)

    page = await person.meanwhile_decided(person.add())

    assert page.path == "/accounts"
    assert page.notices == [f"Счёт {NUMBER} подключён"]
    assert tags(page) == ["Подключён"]
    assert (await person.browser.open("/accounts")).notices == []


async def test_link_is_told_in_english(cabinet: Cabinet) -> None:
    person = await tenant(cabinet, "en")

    page = await person.meanwhile_decided(person.add(amount="1 234.00 ₽"))

    assert page.notices == [f"Account {NUMBER} is linked"]


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        (f" {NUMBER[:4]} {NUMBER[4:]} ", NUMBER),
        (f"№ {NUMBER}", NUMBER),
        (f"{NUMBER[:4]}\u00a0{NUMBER[4:]}", NUMBER),
        ("1234.00", "1234.00"),
        ("1 234,00 ₽", "1234,00"),
        ("1\u00a0234,00\u202f₽", "1234,00"),
        ("1234,00 руб.", "1234,00"),
        ("1234,00р", "1234,00"),
        ("1234 руб. 00 коп.", "1234руб.00коп."),
        ("сто", "сто"),
    ],
)
def test_what_is_typed_around_the_digits_is_dropped(typed: str, digits: str) -> None:
    assert accounts_adding.without_signs(typed) == digits


@pytest.mark.usefixtures("impatient")
async def test_wrong_amount_is_told_on_the_card(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.add(amount="1,11")
    await person.house.work()

    page = await person.browser.open("/accounts")

    assert tags(page) == ["Не подтвердился"]
    assert page.notices == []


@pytest.mark.usefixtures("impatient")
async def test_what_is_not_decided_yet_is_on_the_list(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)

    page = await person.add()

    assert (page.path, page.notices, tags(page)) == ("/accounts", [], ["Проверяем"])


async def test_list_waits_a_little_for_what_is_being_checked(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.asked()
    await person.asked(OTHER, "1.11")

    page = await person.meanwhile_decided(person.browser.open("/accounts"))

    assert tags(page) == ["Подключён", "Не подтвердился"]


async def test_list_does_not_wait_for_what_takes_long_anyway(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    request_id = await person.asked()
    await person.older(request_id, minutes=6)

    await person.browser.open("/accounts")

    assert cabinet.lines["billing-link"].calls("GET", f"{REQUESTS}/{request_id}") == []


async def test_what_is_wrong_is_told_at_once_and_stays_typed(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    only_digits, kopecks = "В номере только цифры, от 5 до 14", "Добавьте копейки, например 1234,00"
    no_amount = "Введите сумму цифрами, например 1234,00"

    for number, amount, on_number, on_amount in (
        ("", "", "Введите номер счёта", "Введите сумму"),
        ("12ab", "", only_digits, "Введите сумму"),
        ("1234", "1", only_digits, kopecks),
        ("", "сто", "Введите номер счёта", no_amount),
        (NUMBER, "1234", None, kopecks),
        (NUMBER, "0,00", None, "Нужен платёж больше нуля"),
        (NUMBER, "-5,00", None, no_amount),
    ):
        page = await person.add(number, amount)

        told = {"account_number": on_number, "amount": on_amount}
        assert list(page.errors.items()) == [(name, text) for name, text in told.items() if text]
        assert (page.status, page.path, page.heading) == (422, "/accounts/new", "Добавьте лицевой счёт")
        assert page.title.startswith("Ошибка: ")
        assert (page.value("account_number"), page.value("amount")) == (number, amount)
    assert (await person.house.get(person.user_id, REQUESTS))["items"] == []


async def test_errors_speak_english(cabinet: Cabinet) -> None:
    person = await tenant(cabinet, "en")

    page = await person.add("1234", "1234")
    assert page.errors == {
        "account_number": "The number has 5 to 14 digits",
        "amount": "Add the kopecks, for example 1234.00",
    }
    page = await person.browser.press(page, "Add account", account_number="", amount="0.00")

    assert page.errors == {
        "account_number": "Enter the account number",
        "amount": "The payment must be above zero",
    }


async def test_account_that_is_here_already_is_told_on_its_number(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()

    page = await person.add()

    assert (page.status, page.errors) == (422, {"account_number": "Этот счёт уже в кабинете"})


@pytest.mark.usefixtures("impatient")
async def test_too_many_attempts_are_told_with_the_time_left(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    for _attempt in range(5):
        await person.refused()

    page = await person.add()

    assert (page.status, page.path) == (429, "/accounts/new")
    assert page.notices == ["Слишком много попыток. Попробуйте через 24 часа"]
    assert 86_000 < int(page.answer.headers["retry-after"]) <= 86_400
    assert (page.errors, page.value("account_number"), page.value("amount")) == ({}, NUMBER, "1234,00")


async def test_billing_that_is_away_keeps_the_form(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    page = await person.browser.open("/accounts/new")
    cabinet.lines["billing-link"].cut = True

    page = await person.browser.press(page, BUTTON, account_number=NUMBER, amount="1234,00")

    assert (page.status, page.path) == (503, "/accounts/new")
    assert page.notices == ["Сейчас не получается. Всё, что вы ввели, на месте — попробуйте через пару минут"]
    assert (page.value("account_number"), page.value("amount")) == (NUMBER, "1234,00")
    cabinet.lines["billing-link"].cut = False
    page = await person.meanwhile_decided(person.browser.press(page, BUTTON))
    assert page.notices == [f"Счёт {NUMBER} подключён"]


async def test_result_that_cannot_be_waited_for_is_left_to_the_list(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await tenant(cabinet)
    page = await person.browser.open("/accounts/new")
    line = cabinet.lines["billing-link"]
    forward = line.handle_async_request

    async def cut_after_the_first(request: httpx2.Request) -> httpx2.Response:
        answer = await forward(request)
        line.cut = True
        return answer

    monkeypatch.setattr(line, "handle_async_request", cut_after_the_first)
    answer = await person.browser.send(page, BUTTON, account_number=NUMBER, amount="1234,00")

    assert (answer.status_code, answer.headers["location"]) == (303, "/accounts")
    assert len((await person.house.get(person.user_id, REQUESTS))["items"]) == 1


@pytest.mark.usefixtures("impatient")
async def test_more_accounts_than_may_be_are_told_in_words(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    assert await person.house.change(
        "INSERT INTO link_requests (id, user_id, account_number, status, kopecks, account_spent)"
        " SELECT gen_random_uuid(), :user_id, lpad(n::text, 8, '9'), 'pending', 100, false"
        " FROM generate_series(1, 50) AS n",
        user_id=person.user_id,
    )
    assert len(cards(await person.browser.open("/accounts"))) == 50

    page = await person.add()

    assert (page.status, page.notices) == (409, ["Больше счетов добавить нельзя. Сначала уберите один из них"])
    assert page.value("account_number") == NUMBER
