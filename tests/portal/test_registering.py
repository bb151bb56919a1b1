"""Registration: one page that loses nothing, whatever goes wrong on the way."""

import pytest

from portal.web.phone_codes import PhoneCode
from shared.contracts.verification import CodeRequested, CodeSecrets
from shared.keys import PrivateKeys
from shared.sealed import open_sealed
from tests.identity.conftest import PASSWORD
from tests.portal.browsing import Browser, Page
from tests.portal.conftest import Cabinet

SEND, AGAIN, REGISTER = "Получить код", "Отправить код ещё раз", "Зарегистрироваться"
TYPED = {"login": "petrova", "email": "petrova@mail.ru", "phone": "8 912 345-67-89"}
PASSWORDS = {"password": PASSWORD, "password_confirmation": PASSWORD}


async def codes(cabinet: Cabinet) -> list[str]:
    """The codes of the SMS that went out, the newest last."""
    notifier = PrivateKeys(cabinet.notifier.keys / "notifier.private.jwks.json")
    events = await cabinet.verification.said(CodeRequested)
    return [open_sealed(event, CodeSecrets, notifier).code for event in events]


async def with_code(cabinet: Cabinet, **typed: str) -> tuple[Browser, Page, str]:
    """Somebody who has filled in the form and got a code."""
    browser = await cabinet.browser()
    page = await browser.open("/registration")
    page = await browser.press(page, SEND, **TYPED | PASSWORDS | typed)
    return browser, page, (await codes(cabinet))[-1]


async def test_whoever_fills_in_the_form_is_told_of_the_letter(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)

    page = await browser.press(page, REGISTER, code=f"{code[:2]} {code[2:]}")

    assert (page.path, page.heading) == ("/registration/letter", "Осталось подтвердить почту")
    assert "Мы отправили письмо на pe•••@mail.ru." in page.text


async def test_code_is_sent_for_the_phone_alone(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    page = await browser.press(await browser.open("/registration"), SEND, phone=TYPED["phone"])

    assert (page.status, page.path, page.errors) == (200, "/registration", {})
    assert "Код отправлен на номер +7 912 •••-••-89" in page.notices[0]
    assert "autofocus" in page.root.all("input", name="code")[0].attributes


async def test_what_was_typed_is_there_after_the_code_was_sent(cabinet: Cabinet) -> None:
    _browser, page, _code = await with_code(cabinet)

    assert {name: page.value(name) for name in TYPED} == TYPED
    assert "Сохранён, вводить ещё раз не нужно" in page.text
    assert PASSWORD not in page.answer.text


async def test_another_password_may_be_chosen(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)

    page = await browser.press(page, "Задать другой")
    assert page.has_field("password")
    page = await browser.press(page, REGISTER, code=code)

    assert page.errors == {"password": "Придумайте пароль"}
    assert "Номер +7 912 •••-••-89 подтверждён" in page.text


async def test_everything_wrong_is_told_at_once_in_the_order_of_the_page(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/registration")

    page = await browser.press(page, REGISTER, login="ab", password="длинная фраза", email="petrova@mailru", phone="12")

    assert page.status == 422
    assert list(page.errors.items()) == [
        ("login", "Логин слишком короткий, нужно хотя бы 3 символа"),
        ("password_confirmation", "Пароли не совпадают"),
        ("email", "Проверьте адрес почты. Он выглядит так: name@mail.ru"),
        ("phone", "Проверьте номер. Например, 8 912 345-67-89"),
        ("code", "Сначала получите код"),
    ]


async def test_empty_form_names_every_field(cabinet: Cabinet) -> None:
    browser = await cabinet.browser("en")

    page = await browser.press(await browser.open("/registration"), "Create an account")

    assert page.errors == {
        "login": "Choose a login",
        "password": "Choose a password",
        "email": "Enter your e-mail",
        "phone": "Enter your phone number",
    }


async def test_wrong_code_says_how_many_attempts_are_left_and_loses_nothing(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)

    page = await browser.press(page, REGISTER, code=f"{(int(code) + 1) % 100_000:05d}")

    assert page.errors == {"code": "Код не подошёл. Осталось 4 попытки"}
    assert "Сохранён, вводить ещё раз не нужно" in page.text
    page = await browser.press(page, REGISTER, code=code)
    assert page.path == "/registration/letter"


async def test_code_that_was_guessed_at_too_often_is_over(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)

    for _try in range(5):
        page = await browser.press(page, REGISTER, code=f"{(int(code) + 1) % 100_000:05d}")

    assert page.errors == {"code": "Этот код больше не действует. Получите новый"}


async def test_taken_login_costs_no_second_sms(cabinet: Cabinet) -> None:
    await cabinet.identity.registered()
    browser, page, code = await with_code(cabinet)

    page = await browser.press(page, REGISTER, code=code)
    assert page.errors == {"login": "Этот логин уже занят. Придумайте другой"}
    page = await browser.press(page, REGISTER, login="petrova.anna")

    assert page.path == "/registration/letter"
    assert len(await codes(cabinet)) == 1


async def test_edited_phone_needs_a_code_of_its_own(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)

    page = await browser.press(page, REGISTER, code=code, phone="8 912 345-67-80")

    assert page.errors == {"code": "Номер изменился. Получите код на новый"}


async def test_second_sms_within_a_minute_is_told_by_the_time(cabinet: Cabinet) -> None:
    browser, page, _code = await with_code(cabinet)

    page = await browser.press(page, AGAIN)

    assert page.status == 429
    assert page.errors["phone"].startswith("Новый код можно запросить через ")
    assert int(page.answer.headers["retry-after"]) <= 60
    assert page.value("login") == "petrova"


async def test_reloading_after_a_code_sends_no_second_one(cabinet: Cabinet) -> None:
    browser, page, _code = await with_code(cabinet)

    await browser.open(page.path)

    assert len(await codes(cabinet)) == 1


async def test_sms_that_cannot_go_out_keep_what_was_typed(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/registration")
    cabinet.lines["verification"].cut = True

    page = await browser.press(page, SEND, **TYPED | PASSWORDS)

    assert (page.status, page.notices) == (
        503,
        ["Сейчас не получается. Всё, что вы ввели, на месте — попробуйте через пару минут"],
    )
    assert {name: page.value(name) for name in TYPED} == TYPED
    assert "Сохранён" in page.text


async def test_identity_away_spends_no_code(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)
    cabinet.lines["identity"].cut = True

    page = await browser.press(page, REGISTER, code=code)
    assert page.status == 503
    cabinet.lines["identity"].cut = False
    page = await browser.press(page, REGISTER)

    assert page.path == "/registration/letter"
    assert len(await codes(cabinet)) == 1


async def test_registration_whose_answer_got_lost_is_one_when_the_button_is_pressed_again(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)
    page = await browser.press(page, REGISTER, code=code, login="pe")  # now the number is confirmed
    cabinet.lines["identity"].deaf = True
    page = await browser.press(page, REGISTER, login="petrova")
    assert page.status == 503
    cabinet.lines["identity"].deaf = False

    page = await browser.press(page, REGISTER)

    assert page.path == "/registration/letter"
    assert await cabinet.identity.running.rows("SELECT count(*) FROM users") == [(1,)]


@pytest.mark.parametrize("typed", ["8 912 345-67-89", "+79123456789", "912 345 67 89"])
def test_the_same_number_is_known_however_it_is_typed(typed: str) -> None:
    assert PhoneCode(phone="+7 (912) 345-67-89").of(typed)
    assert not PhoneCode(phone="+7 (912) 345-67-88").of(typed)


async def test_letter_is_sent_again_after_its_time(cabinet: Cabinet) -> None:
    browser, page, code = await with_code(cabinet)
    page = await browser.press(page, REGISTER, code=code)

    page = await browser.press(page, "Отправить письмо ещё раз")
    assert page.status == 429
    assert page.notices[0].startswith("Следующее письмо — через ")
    await cabinet.identity.let_pass("letter_requests", "created_at", "61 seconds")
    page = await browser.press(page, "Отправить письмо ещё раз")

    assert (page.status, page.notices) == (200, ["Отправили ещё раз"])


async def test_letter_page_without_a_registration_leads_to_the_sign_in(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    assert (await browser.open("/registration/letter")).path == "/login"
