"""Who sees an account, and the objection to somebody who came later."""

from datetime import UTC, datetime
from uuid import UUID

from shared.contracts.identity import LegacyUserMigrated
from tests.billing_link.conftest import NUMBER
from tests.portal.accounts_kit import Tenant, cards, days_ago, links, said_date, somebody_else_holds, tags, tenant
from tests.portal.browsing import Page
from tests.portal.conftest import Cabinet


async def holders_page(person: Tenant, link: str = "Ещё 1 кабинет видит этот счёт") -> Page:
    page = await person.browser.open("/accounts")
    return await person.browser.open(page.href(link))


async def shared_account(cabinet: Cabinet, language: str = "ru") -> tuple[Tenant, UUID]:
    """Somebody holds an account, and somebody else linked it later."""
    person = await tenant(cabinet, language)
    await person.holds()
    return person, await somebody_else_holds(person.house)


async def test_every_holder_is_told_by_how_they_came(cabinet: Cabinet) -> None:
    person, _other = await shared_account(cabinet)

    page = await holders_page(person)

    today = said_date(cabinet, datetime.now(UTC))
    assert page.heading == "Кто видит счёт"
    assert tags(page) == ["Вы"]
    assert f"Кабинет с {today}, по сумме платежа" in cards(page)[0].text
    assert [links(card) for card in cards(page)] == [[], [f"Отключить кабинет с {today}"]]


async def test_holder_of_the_old_portal_cannot_be_disconnected(cabinet: Cabinet) -> None:
    person = await tenant(cabinet)
    await person.holds()
    other = UUID("019ac3f2-6d1e-7c41-9f0a-3a1b5c7d9e11")
    await person.house.hear(LegacyUserMigrated(user_id=other, account_number=NUMBER, credentials_as_of=days_ago(1)))

    page = await holders_page(person)

    assert ", из старого кабинета" in cards(page)[1].text
    assert "Отключить" not in page.text
    [mine, theirs] = (await person.house.get(person.user_id, f"/v1/accounts/{NUMBER}/holders"))["items"]
    for holder in (mine, theirs):
        assert (await person.browser.open(f"{page.path}/{holder['link_id']}/removal")).status == 404


async def test_later_holder_is_disconnected(cabinet: Cabinet) -> None:
    person, other = await shared_account(cabinet)
    page = await holders_page(person)
    page = await person.browser.open(page.href(links(cards(page)[1])[0]))
    assert page.heading == "Отключить чужой кабинет?"
    assert "Подключиться снова по сумме платежа этот человек не сможет." in page.text
    assert page.href("Оставить").endswith("/holders")

    page = await person.browser.press(page, "Отключить")

    assert (page.heading, tags(page)) == ("Кто видит счёт", ["Вы"])
    assert page.notices == ["Кабинет отключён, он больше не видит этот счёт"]
    assert await person.house.accounts(other) == []
    assert "видит этот счёт" not in (await person.browser.open("/accounts")).text


async def test_objection_speaks_english(cabinet: Cabinet) -> None:
    person, _other = await shared_account(cabinet, "en")
    page = await holders_page(person, "1 more person sees this account")
    today = said_date(cabinet, datetime.now(UTC), "en")
    assert (page.heading, tags(page)) == ("Who sees this account", ["You"])
    assert f"Since {today}, by payment" in page.text

    page = await person.browser.open(page.href(f"Disconnect the person who is here since {today}"))

    assert page.heading == "Disconnect this person?"
    assert "If they are family or tenants, do nothing." in page.text


async def test_disconnection_pressed_twice_ends_on_the_holders(cabinet: Cabinet) -> None:
    person, _other = await shared_account(cabinet)
    page = await holders_page(person)
    page = await person.browser.open(page.href(links(cards(page)[1])[0]))
    await person.browser.press(page, "Отключить")

    again = await person.browser.press(page, "Отключить")

    assert (again.status, again.heading) == (200, "Кто видит счёт")


async def test_objection_that_came_too_late_is_told(cabinet: Cabinet) -> None:
    person, other = await shared_account(cabinet)
    page = await holders_page(person)
    page = await person.browser.open(page.href(links(cards(page)[1])[0]))
    await person.house.change("UPDATE links SET linked_at = linked_at - interval '31 days'")

    page = await person.browser.press(page, "Отключить")

    assert page.status == 403
    assert len(page.notices) == 1
    assert await person.house.accounts(other) != []


async def test_link_of_another_account_is_no_page_here(cabinet: Cabinet) -> None:
    person, _other = await shared_account(cabinet)
    page = await holders_page(person)
    address, fields = (await person.browser.open(page.href(links(cards(page)[1])[0]))).form("Отключить")
    elsewhere = address.split("/holders/")[0] + "/holders/019ac3f2-6d1e-7c41-9f0a-3a1b5c7d9e11/removal"

    answer = await person.browser.http.post(elsewhere, data=fields, headers={"Sec-Fetch-Site": "same-origin"})

    assert answer.status_code == 404
    assert (await person.browser.open(elsewhere)).status == 404


async def test_form_of_another_session_disconnects_nobody(cabinet: Cabinet) -> None:
    person, other = await shared_account(cabinet)
    page = await holders_page(person)
    page = await person.browser.open(page.href(links(cards(page)[1])[0]))

    page = await person.browser.press(page, "Отключить", form_token="0" * 64)

    assert page.status == 403
    assert await person.house.accounts(other) != []
