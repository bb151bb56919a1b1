"""One account: its name, and letting it go."""

import asyncio

import pytest

from tests.billing_link.conftest import NUMBER
from tests.portal.accounts_kit import Tenant, somebody_else_holds, tags, tenant
from tests.portal.browsing import Page
from tests.portal.conftest import Cabinet

LONG = "Очень длинное название, которое никто не прочтёт до конца"


async def opened_by(person: Tenant, link: str) -> Page:
    """The page behind a link of the account's card."""
    page = await person.browser.open("/accounts")
    return await person.browser.open(page.href(link))


async def test_account_gets_a_name(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    page = await opened_by(person, f"Переименовать счёт {NUMBER}")
    assert (page.heading, page.value("alias")) == ("Как назвать счёт?", "")
    assert "Видите только вы. Например, «Дача»" in page.text

    page = await person.browser.press(page, "Сохранить", alias="  Дача  ")

    assert (page.path, page.notices) == ("/accounts", ["Сохранено"])
    assert [heading.text for heading in page.root.all("h2")] == ["Дача"]


async def test_name_is_taken_away_by_an_empty_one(cabinet: Cabinet) -> None:
    person = await tenant(cabinet, "en")
    await person.holds(alias="Dacha")
    page = await opened_by(person, 'Rename account "Dacha"')
    assert (page.heading, page.value("alias")) == ("Name this account", "Dacha")
    assert 'Only you see it. For example, "Dacha"' in page.text

    page = await person.browser.press(page, "Save", alias="")

    assert [heading.text for heading in page.root.all("h2")] == ["Account"]


async def test_long_name_is_told_and_stays(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    page = await opened_by(person, f"Переименовать счёт {NUMBER}")

    page = await person.browser.press(page, "Сохранить", alias=LONG)

    assert (page.status, page.value("alias")) == (422, LONG)
    assert page.errors == {"alias": "Название длиннее 40 символов, сделайте его короче"}


async def test_name_stays_typed_while_billing_is_away(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    page = await opened_by(person, f"Переименовать счёт {NUMBER}")
    cabinet.lines["billing-link"].cut = True

    page = await person.browser.press(page, "Сохранить", alias="Дача")

    assert (page.status, page.value("alias")) == (503, "Дача")
    assert page.notices[0].startswith("Сейчас не получается. Всё, что вы ввели, на месте")
    cabinet.lines["billing-link"].cut = False
    assert (await person.browser.press(page, "Сохранить")).notices == ["Сохранено"]


async def test_removal_says_what_stays_and_lets_the_account_go(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds(alias="Дача")
    page = await opened_by(person, "Убрать счёт «Дача»")
    assert page.heading == "Убрать счёт «Дача» из кабинета?"
    assert "Договор и сам счёт останутся, платить можно как раньше." in page.text
    assert page.href("Оставить") == "/accounts"

    page = await person.browser.press(page, "Убрать счёт")

    assert (page.path, page.notices) == ("/accounts", [f"Счёт {NUMBER} убран из кабинета"])
    assert page.heading == "Добавьте лицевой счёт"
    assert await person.house.accounts(person.user_id) == []


async def test_removal_speaks_english(cabinet: Cabinet) -> None:
    person = await tenant(cabinet, "en")
    await person.holds()
    page = await opened_by(person, f"Remove account {NUMBER}")
    assert page.heading == f"Remove account {NUMBER} from Kabinet?"
    assert "Your contract stays and you can pay as before." in page.text
    assert page.href("Keep it") == "/accounts"

    page = await person.browser.press(page, "Remove account")

    assert page.notices == [f"Account {NUMBER} removed"]


async def test_removal_pressed_twice_ends_on_the_list(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    page = await opened_by(person, f"Убрать счёт {NUMBER}")
    await person.browser.press(page, "Убрать счёт")

    again = await person.browser.press(page, "Убрать счёт")

    assert (again.status, again.path) == (200, "/accounts")


async def test_removal_sent_twice_at_once_ends_on_the_list(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    page = await opened_by(person, f"Убрать счёт {NUMBER}")

    answers = await asyncio.gather(*(person.browser.send(page, "Убрать счёт") for _press in range(2)))

    assert [answer.headers.get("location") for answer in answers] == ["/accounts", "/accounts"]


async def test_account_that_came_back_can_be_removed_again(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    for _time in range(2):
        await person.holds()
        page = await opened_by(person, f"Убрать счёт {NUMBER}")

        await person.browser.press(page, "Убрать счёт")

        assert await person.house.accounts(person.user_id) == []


async def test_removal_is_not_done_while_billing_is_away(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    page = await opened_by(person, f"Убрать счёт {NUMBER}")
    cabinet.lines["billing-link"].cut = True

    page = await person.browser.press(page, "Убрать счёт")

    assert page.status == 503
    cabinet.lines["billing-link"].cut = False
    assert tags(await person.browser.open("/accounts")) == ["Подключён"]


@pytest.mark.parametrize("act", ["alias", "removal", "holders"])
async def test_address_of_somebody_elses_account_is_no_page(cabinet: Cabinet, act: str) -> None:
    person = await tenant(cabinet)
    await person.holds()
    ref = (await person.browser.open("/accounts")).href(f"Убрать счёт {NUMBER}").split("/")[2]
    stranger = await tenant(cabinet, login="sidorov")
    await stranger.holds()

    page = await stranger.browser.open(f"/accounts/{ref}/{act}")

    assert (page.status, page.heading) == (404, "Такой страницы нет")
    assert (await stranger.browser.open(f"/accounts/{NUMBER}/{act}")).status == 404


@pytest.mark.parametrize(("link", "button"), [("Переименовать", "Сохранить"), ("Убрать", "Убрать счёт")])
async def test_form_for_somebody_elses_account_changes_nothing(cabinet: Cabinet, link: str, button: str) -> None:
    person = await tenant(cabinet)
    await person.holds()
    theirs = (await opened_by(person, f"{link} счёт {NUMBER}")).form(button)[0]
    stranger = await tenant(cabinet, login="sidorov")
    await stranger.holds()
    own = await opened_by(stranger, f"{link} счёт {NUMBER}")
    _address, fields = own.form(button)

    answer = await stranger.browser.http.post(
        theirs, data=fields | {"alias": "чужой"}, headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert answer.status_code == 404
    for one in (person, stranger):
        assert [account["alias"] for account in await one.house.accounts(one.user_id)] == [""]


@pytest.mark.parametrize(
    ("act", "link", "button"),
    [("PATCH", "Переименовать", "Сохранить"), ("DELETE", "Убрать", "Убрать счёт")],
)
async def test_form_of_another_session_changes_nothing(cabinet: Cabinet, act: str, link: str, button: str) -> None:
    person = await tenant(cabinet)
    await person.holds()
    page = await opened_by(person, f"{link} счёт {NUMBER}")

    page = await person.browser.press(page, button, form_token="0" * 64)

    assert (page.status, page.notices) == (403, ["Страница была открыта слишком долго. Нажмите кнопку ещё раз"])
    assert cabinet.lines["billing-link"].calls(act, f"/v1/accounts/{NUMBER}") == []


async def test_addresses_of_two_people_differ_for_one_account(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    stranger = await tenant(cabinet, login="sidorov")
    await stranger.holds()
    await somebody_else_holds(person.house)

    links = {(await one.browser.open("/accounts")).href(f"Убрать счёт {NUMBER}") for one in (person, stranger)}

    assert len(links) == 2
