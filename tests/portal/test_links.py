"""Links of letters: a GET changes nothing, the token leaves the address, a button does it once."""

import pytest

from shared.contracts.identity import ChangedContacts, ContactChanged
from tests.identity.conftest import FORM, PASSWORD
from tests.portal.conftest import Cabinet, sign_in

NEW = "зелёный автобус стоит у дома"


async def test_link_of_a_letter_leaves_the_address_at_once(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    answer = await browser.http.get("/c/the-token-of-a-letter")

    assert (answer.status_code, answer.headers["location"]) == (303, "/email-confirmation")
    cookie = answer.headers["set-cookie"]
    assert "__Host-confirmation=the-token-of-a-letter; HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure" in cookie


async def test_looking_at_a_link_asks_no_service_anything(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    for path in ("/c/the-token-of-a-letter", "/r/the-token-of-a-letter", "/v/the-token-of-a-letter"):
        assert (await browser.open(path)).status == 200

    assert [request.url.path for line in cabinet.lines.values() for request in line.seen] == []


async def test_button_confirms_the_address_once(cabinet: Cabinet) -> None:
    await cabinet.identity.register()
    [confirmation] = await cabinet.identity.confirmations()
    browser = await cabinet.browser()
    page = await browser.open(f"/c/{confirmation.token}")
    assert page.heading == "Подтверждение почты"

    page = await browser.press(page, "Подтвердить адрес")
    assert (page.path, page.notices) == ("/login", ["Почта подтверждена. Теперь можно войти"])
    page = await browser.press(await browser.open(f"/c/{confirmation.token}"), "Подтвердить адрес")

    assert (page.status, page.heading) == (410, "Ссылка больше не действует")
    assert (await sign_in(browser)).path == "/accounts"


async def test_confirming_while_identity_is_away_keeps_the_link(cabinet: Cabinet) -> None:
    await cabinet.identity.register()
    [confirmation] = await cabinet.identity.confirmations()
    browser = await cabinet.browser()
    page = await browser.open(f"/c/{confirmation.token}")
    cabinet.lines["identity"].cut = True
    page = await browser.press(page, "Подтвердить адрес")
    assert page.status == 503
    cabinet.lines["identity"].cut = False

    page = await browser.press(page, "Подтвердить адрес")

    assert page.notices == ["Почта подтверждена. Теперь можно войти"]


@pytest.mark.parametrize("path", ["/email-confirmation", "/password-reset", "/email-reversal", "/r/short"])
async def test_page_of_a_link_without_its_token_says_that_it_is_over(cabinet: Cabinet, path: str) -> None:
    page = await (await cabinet.browser("en")).open(path)

    assert (page.status, page.heading) == (410, "This link no longer works")


async def test_recovery_says_the_same_whoever_exists(cabinet: Cabinet) -> None:
    await cabinet.identity.registered()
    seen = []

    for who in ("petrova", "nobody", "petrova@mail.ru"):
        browser = await cabinet.browser()
        page = await browser.press(await browser.open("/recovery"), "Прислать письмо", login_or_email=who)
        seen.append((page.status, page.path, page.heading, page.text))

    assert set(seen) == {(200, "/recovery", "Проверьте почту", seen[0][3])}
    assert (await browser.open("/recovery")).heading == "Забыли свой пароль?"


async def test_recovery_asks_for_something(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    page = await browser.press(await browser.open("/recovery"), "Прислать письмо")

    assert page.errors == {"login_or_email": "Введите логин, адрес почты или номер счёта"}


async def test_link_of_a_recovery_letter_sets_a_password_and_ends_every_session(cabinet: Cabinet) -> None:
    elsewhere = await cabinet.signed_in()
    browser = await cabinet.browser()
    await browser.press(await browser.open("/recovery"), "Прислать письмо", login_or_email="petrova")
    [recovery] = await cabinet.identity.recoveries()
    page = await browser.open(f"/r/{recovery.token}")

    page = await browser.press(page, "Сохранить пароль", password="12345678", password_confirmation="12345678")
    assert page.errors == {"password": "Пароль легко угадать. Добавьте ещё слово или два"}
    page = await browser.press(page, "Сохранить пароль", password=NEW, password_confirmation="иначе")
    assert page.errors == {"password_confirmation": "Пароли не совпадают"}
    page = await browser.press(page, "Сохранить пароль", password=NEW, password_confirmation=NEW)

    assert page.notices == ["Новый пароль сохранён. Вход на всех устройствах завершён"]
    assert (await sign_in(browser, password=NEW)).path == "/accounts"
    assert (await elsewhere.open("/settings/language")).path == "/login"


async def test_address_is_restored_by_the_button_of_its_letter(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    session = (await cabinet.identity.sign_in()).json()
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    body = {"email": "new@mail.ru", "current_password": PASSWORD}
    assert (await cabinet.identity.client.put("/v1/me/email", json=body, headers=headers)).status_code == 202
    await cabinet.identity.confirm((await cabinet.identity.confirmations())[-1].token)
    changed = [one for one in await cabinet.identity.running.said(ContactChanged) if one.what == "email"][-1]
    token = cabinet.identity.opened(changed, ChangedContacts).reversal_token
    page = await browser.open(f"/v/{token}")

    page = await browser.press(page, "Вернуть адрес")

    assert page.path == "/login"
    assert page.notices[0].startswith("Прежний адрес возвращён.")
    [[email]] = await cabinet.identity.running.rows("SELECT email FROM users")
    assert email == FORM["email"]
