"""Another phone: the same code, draft and states as at the registration."""

from portal.drawers import Drawer
from portal.pages.settings_phone import DRAFT
from shared.contracts.identity import ContactChanged
from tests.identity.conftest import PASSWORD
from tests.portal.browsing import Browser, Page
from tests.portal.conftest import Cabinet
from tests.portal.test_registering import codes

SEND, AGAIN, CHANGE, ANOTHER = "Получить код", "Отправить код ещё раз", "Сменить номер", "Другой номер"
PHONE, TYPED = "+79123456780", "8 912 345-67-80"


async def with_code(cabinet: Cabinet) -> tuple[Browser, Page, str]:
    """Somebody who has got a code for another number."""
    browser = await cabinet.signed_in()
    page = await browser.press(await browser.open("/settings/phone"), SEND, phone=TYPED)
    return browser, page, (await codes(cabinet))[-1]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 100_000:05d}"


async def test_phone_that_was_shown_to_be_in_hand_takes_the_place_of_the_old_one(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)
    assert "Код отправлен на номер +7 912 •••-••-80" in page.notices[0]
    assert "autofocus" in page.root.all("input", name="code")[0].attributes

    page = await browser.press(page, CHANGE, code=f"{code[:2]} {code[2:]}", current_password=PASSWORD)

    assert (page.path, page.notices) == ("/settings", ["Номер изменён"])
    assert "+7 912 345-67-80" in page.text
    assert await cabinet.identity.running.rows("SELECT phone FROM users") == [(PHONE,)]
    assert [event.what for event in await cabinet.identity.running.said(ContactChanged)] == ["phone"]
    assert (await browser.open("/settings/phone")).value("phone") == ""


async def test_phone_is_changed_in_english(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in("en")
    page = await browser.press(await browser.open("/settings/phone"), "Get a code", phone=TYPED)
    [code] = await codes(cabinet)

    page = await browser.press(page, "Change the number", code=code, current_password=PASSWORD)

    assert (page.path, page.notices) == ("/settings", ["Phone changed"])


async def test_wrong_password_costs_no_second_sms(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)

    page = await browser.press(page, CHANGE, code=code, current_password="не тот")
    assert (page.status, page.errors) == (422, {"current_password": "Пароль не подошёл"})
    assert "Номер +7 912 •••-••-80 подтверждён" in page.text
    page = await browser.press(page, CHANGE, current_password=PASSWORD)

    assert page.notices == ["Номер изменён"]
    assert len(await codes(cabinet)) == 1


async def test_wrong_code_says_how_many_attempts_are_left(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)

    page = await browser.press(page, CHANGE, code=wrong(code), current_password=PASSWORD)

    assert (page.status, page.errors) == (422, {"code": "Код не подошёл. Осталось 4 попытки"})
    assert page.value("phone") == TYPED
    for _try in range(4):
        page = await browser.press(page, CHANGE, code=wrong(code), current_password=PASSWORD)
    assert page.errors == {"code": "Этот код больше не действует. Получите новый"}


async def test_what_is_missing_is_told_in_the_order_of_the_page(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/phone")

    empty = await browser.press(page, CHANGE)
    no_code = await browser.press(page, CHANGE, phone=TYPED, current_password=PASSWORD)
    impossible = await browser.press(page, SEND, phone="12")

    password = ("current_password", "Введите пароль")
    assert list(empty.errors.items()) == [("phone", "Введите номер телефона"), password]
    assert no_code.errors == {"code": "Сначала получите код"}
    assert impossible.errors == {"phone": "Проверьте номер. Например, 8 912 345-67-89"}


async def test_edited_phone_needs_a_code_of_its_own(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)

    page = await browser.press(page, CHANGE, phone="8 912 345-67-81", code=code, current_password=PASSWORD)

    assert page.errors == {"code": "Номер изменился. Получите код на новый"}
    assert await cabinet.identity.running.rows("SELECT phone FROM users") == [("+79123456789",)]


async def test_second_sms_within_a_minute_is_told_by_the_time(cabinet: Cabinet) -> None:
    browser, page, _code = await with_code(cabinet)

    page = await browser.press(page, AGAIN)

    assert page.status == 429
    assert page.errors["phone"].startswith("Новый код можно запросить через ")


async def test_another_number_begins_anew(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)
    page = await browser.press(page, CHANGE, code=code)
    assert page.errors == {"current_password": "Введите пароль"}

    page = await browser.press(page, ANOTHER)

    assert (page.path, page.value("phone"), page.errors) == ("/settings/phone", "", {})
    assert page.has_field("code")


async def test_proof_that_is_taken_no_more_asks_for_a_new_code(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)
    page = await browser.press(page, CHANGE, code=code)
    drawer = Drawer(cabinet.redis, "draft", browser.http.cookies["__Host-draft"])
    draft = (await drawer.read())[DRAFT]
    draft["phone_code"]["proof"] += "too old"
    await drawer.write(900, {DRAFT: draft})

    page = await browser.press(page, CHANGE, current_password=PASSWORD)

    assert page.errors == {"phone": "Прошло больше 15 минут. Подтвердите номер ещё раз"}
    assert page.has_field("code")
    assert await cabinet.identity.running.rows("SELECT phone FROM users") == [("+79123456789",)]


async def test_sms_that_cannot_go_out_keep_the_number(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/phone")
    cabinet.lines["verification"].cut = True

    page = await browser.press(page, SEND, phone=TYPED)

    assert (page.status, page.value("phone")) == (503, TYPED)
    assert page.notices == ["Сейчас не получается. Всё, что вы ввели, на месте — попробуйте через пару минут"]


async def test_identity_away_spends_no_code(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)
    cabinet.lines["identity"].cut = True

    page = await browser.press(page, CHANGE, code=code, current_password=PASSWORD)
    assert (page.status, "подтверждён" in page.text) == (503, True)
    cabinet.lines["identity"].cut = False
    page = await browser.press(page, CHANGE, current_password=PASSWORD)

    assert page.notices == ["Номер изменён"]
    assert len(await codes(cabinet)) == 1


async def test_password_is_nowhere_in_a_page_that_comes_back(cabinet: Cabinet) -> None:
    browser, page, _code = await with_code(cabinet)

    page = await browser.press(page, CHANGE, current_password=PASSWORD)

    assert page.errors == {"code": "Введите код из SMS"}
    assert PASSWORD not in page.answer.text
    page = await browser.press(page, AGAIN, current_password=PASSWORD)
    assert PASSWORD not in page.answer.text
