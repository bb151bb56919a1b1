"""A message to support, also from somebody who cannot get in."""

from tests.portal.conftest import Cabinet

TYPED = {"topic": "login", "message": "Не приходит письмо,\nпомогите.", "name": "Анна", "reply_to": "petrova@mail.ru"}


async def test_message_gets_a_reference(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    page = await browser.press(await browser.open("/feedback"), "Отправить", **TYPED)

    assert (page.path, page.heading) == ("/feedback/receipt", "Спасибо, ваше письмо у нас")
    [[details]] = await cabinet.notifier.rows("SELECT details FROM notifications WHERE kind = 'feedback'")
    assert f"Номер обращения {details['reference']}. Ответим на pe•••@mail.ru" in page.text


async def test_what_is_missing_is_told_in_the_order_of_the_page(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    page = await browser.press(await browser.open("/feedback"), "Отправить", account_number="12")

    assert list(page.errors.items()) == [
        ("topic", "Выберите тему"),
        ("message", "Напишите, что случилось"),
        ("reply_to", "Введите почту для ответа"),
    ]
    page = await browser.press(page, "Отправить", **TYPED | {"reply_to": "a@b.ru, c@d.ru", "message": "а" * 4001})
    assert page.errors == {"message": "Сообщение длиннее 4000 символов"}
    page = await browser.press(page, "Отправить", message="Помогите")
    assert page.errors == {
        "reply_to": "Проверьте адрес почты. Он выглядит так: name@mail.ru",
        "account_number": "В номере только цифры, от 5 до 14",
    }


async def test_form_of_somebody_signed_in_is_filled_in(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await browser.open("/feedback")

    assert page.value("reply_to") == "petrova@mail.ru"


async def test_notifier_away_keeps_the_text_and_offers_the_phone(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/feedback")
    cabinet.lines["notifier"].cut = True

    page = await browser.press(page, "Отправить", **TYPED)

    assert page.status == 503
    assert page.notices[0].endswith("Можно и позвонить: 8 800 000-00-00")
    assert {name: page.value(name) for name in TYPED} == TYPED


async def test_message_whose_answer_got_lost_is_sent_once(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/feedback")
    cabinet.lines["notifier"].deaf = True
    page = await browser.press(page, "Отправить", **TYPED)
    cabinet.lines["notifier"].deaf = False

    page = await browser.press(page, "Отправить")
    again = await browser.press(await browser.open("/feedback"), "Отправить", **TYPED)

    assert (page.path, again.path) == ("/feedback/receipt", "/feedback/receipt")
    assert await cabinet.notifier.rows("SELECT count(*) FROM notifications WHERE kind = 'feedback'") == [(2,)]
