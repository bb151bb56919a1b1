"""A person's whole way by what is read on the pages: by clicks, by the keyboard alone, and without scripts."""

from collections.abc import Callable

import pytest
from playwright.async_api import Browser

from deploy.embedded.person import NEW_PASSWORD, PASSWORD, token_in
from tests.browser.hands import Hands, Keyboard, Mouse
from tests.browser.town import Citizen, Town, fresh_login, fresh_phone
from tests.browser.visitor import Visitor, visiting


@pytest.mark.parametrize(
    ("hands_of", "scripts"),
    [(Mouse, True), (Mouse, False), (Keyboard, True), (Keyboard, False)],
    ids=["clicks", "clicks-without-scripts", "keyboard", "keyboard-without-scripts"],
)
async def test_person_registers_links_an_account_recovers_and_leaves(
    chromium: Browser, town: Town, hands_of: Callable[[Visitor], Hands], scripts: bool
) -> None:
    person = Citizen(kabinet=town.kabinet, http=town.http, login=fresh_login(), phone=fresh_phone())
    person.email = f"{person.login}@example.org"
    async with visiting(chromium, town, scripts=scripts) as visitor:
        hands = hands_of(visitor)

        await register(visitor, hands, person)
        await confirm(visitor, hands, person)
        await link(visitor, hands, town)
        await rename(visitor, hands)
        await sign_out_and_recover(visitor, hands, person)
        await write(visitor, hands)
        await leave(visitor, hands)

        assert visitor.said == []
        assert visitor.statuses.isdisjoint({500, 503}), visitor.statuses


async def register(visitor: Visitor, hands: Hands, person: Citizen) -> None:
    """One SMS is enough, although the code is mistyped first and the login turns out to be taken."""
    await visitor.open("/")
    await hands.press("Зарегистрироваться")
    await hands.type("Логин", "petrova")
    await hands.type("Пароль", PASSWORD)
    await hands.type("Пароль ещё раз", PASSWORD)
    await hands.type("Адрес e-mail", person.email)
    await hands.type("Телефон", person.phone)
    await hands.press("Получить код", leaves=not visitor.scripts)
    await visitor.page.get_by_text("Код отправлен на номер").wait_for()
    right = await person.code_from_sms(person.phone)
    await hands.type("Код подтверждения", f"{(int(right) + 1) % 100_000:05d}")
    await hands.press("Зарегистрироваться")
    assert visitor.status == 422
    await hands.type("Код подтверждения", right)
    await hands.press("Зарегистрироваться")
    assert await visitor.errors() == ["Этот логин уже занят. Придумайте другой"]
    await hands.type("Логин", person.login)
    await hands.press("Зарегистрироваться")
    assert await visitor.heading() == "Осталось подтвердить почту"


async def confirm(visitor: Visitor, hands: Hands, person: Citizen) -> None:
    letter = await person.message(person.email, "email", "/c/")
    await visitor.open(f"/c/{token_in(letter, 'c')}")
    assert visitor.path == "/email-confirmation"
    await hands.press("Подтвердить адрес")
    assert await visitor.notices() == ["Почта подтверждена. Теперь можно войти"]
    assert await visitor.page.get_by_label("Логин", exact=True).input_value() == person.login
    await hands.type("Пароль", PASSWORD)
    await hands.press("Войти")


async def link(visitor: Visitor, hands: Hands, town: Town) -> None:
    payment = town.sample.after_reopening
    assert await visitor.heading() == "Добавьте лицевой счёт"
    await hands.type("Номер лицевого счёта", payment.account_number)
    await hands.type("Сумма последнего платежа, ₽", "1,01")
    await hands.press("Добавить счёт")
    await visitor.page.get_by_text("Не подтвердился").wait_for()
    await hands.press("Попробовать снова")
    await hands.type("Сумма последнего платежа, ₽", payment.amount)
    await hands.press("Добавить счёт")
    assert await visitor.notices() == [f"Счёт {payment.account_number} подключён"]
    await visitor.page.get_by_text("Подключён", exact=True).wait_for()


async def rename(visitor: Visitor, hands: Hands) -> None:
    await hands.press("Переименовать")
    await hands.type("Название", "Дача у озера")
    await hands.press("Сохранить")
    await visitor.page.get_by_role("heading", name="Дача у озера").wait_for()


async def sign_out_and_recover(visitor: Visitor, hands: Hands, person: Citizen) -> None:
    await hands.press("Выйти")
    assert await visitor.notices() == ["Вы вышли из кабинета"]
    await hands.press("Забыли свой пароль?")
    await hands.type("Логин, e-mail или номер счёта", person.login)
    await hands.press("Прислать письмо")
    assert await visitor.heading() == "Проверьте почту"
    letter = await person.message(person.email, "email", "/r/")
    await visitor.open(f"/r/{token_in(letter, 'r')}")
    await hands.type("Новый пароль", NEW_PASSWORD)
    await hands.type("Пароль ещё раз", NEW_PASSWORD)
    await hands.press("Сохранить пароль")
    await hands.type("Логин", person.login)
    await hands.type("Пароль", NEW_PASSWORD)
    await hands.press("Войти")
    assert await visitor.heading() == "Лицевые счета"


async def write(visitor: Visitor, hands: Hands) -> None:
    await hands.press("Обратная связь")
    await hands.choose("Другое")
    await hands.type("Сообщение", "Спасибо, всё получилось")
    await hands.press("Отправить")
    assert await visitor.heading() == "Спасибо, ваше письмо у нас"


async def leave(visitor: Visitor, hands: Hands) -> None:
    await hands.press("Настройки")
    await hands.press("Удалить")
    await hands.type("Текущий пароль", NEW_PASSWORD)
    await hands.press("Удалить кабинет")
    assert (visitor.path, await visitor.heading()) == ("/farewell", "Кабинет удаляется")
    await visitor.open("/accounts")
    assert visitor.path == "/login"
