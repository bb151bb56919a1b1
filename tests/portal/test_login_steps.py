"""One more step between a right password and the accounts: an address, its confirmation, a better password."""

from pathlib import Path

from argon2 import PasswordHasher

from tests.portal.conftest import Cabinet, sign_in

OLD_PASSWORD = "ромашка"


async def imported(cabinet: Cabinet, folder: Path, email: str) -> None:
    await cabinet.identity.import_old(folder, ("67123456", PasswordHasher().hash(OLD_PASSWORD), email, ""))


async def test_old_login_without_an_address_is_asked_for_one_and_is_in(cabinet: Cabinet, tmp_path: Path) -> None:
    await imported(cabinet, tmp_path, "")
    browser = await cabinet.browser()

    page = await sign_in(browser, "67123456", OLD_PASSWORD)
    assert (page.path, page.heading) == ("/login/email", "Добро пожаловать в новый кабинет")
    assert "Пароль подошёл, счёт 6712 3456 переедет сюда сам." in page.text
    page = await browser.press(page, "Сохранить и войти", email="anna@mail")
    assert page.errors == {"email": "Проверьте адрес почты. Он выглядит так: name@mail.ru"}
    page = await browser.press(page, "Сохранить и войти", email="anna@mail.ru")

    assert (page.path, page.heading) == ("/login/password", "Придумайте новый пароль")
    assert (await browser.press(page, "Не сейчас")).path == "/accounts"


async def test_weak_old_password_is_changed_on_the_spot(cabinet: Cabinet, tmp_path: Path) -> None:
    await imported(cabinet, tmp_path, "anna@mail.ru")
    browser = await cabinet.browser()
    page = await sign_in(browser, "67123456", OLD_PASSWORD)
    new = "зелёный автобус стоит у дома"

    page = await browser.press(
        page, "Сохранить пароль", current_password="не тот", password=new, password_confirmation=new
    )
    assert page.errors == {"current_password": "Пароль не подошёл"}
    page = await browser.press(
        page, "Сохранить пароль", current_password=OLD_PASSWORD, password=new, password_confirmation=new
    )

    assert page.path == "/accounts"
    assert (await sign_in(await cabinet.browser(), "67123456", new)).path == "/accounts"


async def test_ticket_that_is_too_old_leads_back_to_the_sign_in(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    page = await browser.open("/login/email")

    assert (page.path, page.notices) == ("/login", ["Прошло слишком много времени. Войдите ещё раз"])


async def test_whoever_has_not_confirmed_the_address_gets_the_letter_again(cabinet: Cabinet) -> None:
    await cabinet.identity.register()
    browser = await cabinet.browser()

    page = await sign_in(browser)
    assert (page.path, page.heading) == ("/login/confirmation", "Почта ещё не подтверждена")
    assert "Осталось нажать кнопку в письме на pe•••@mail.ru" in page.text
    await cabinet.identity.let_pass("letter_requests", "created_at", "61 seconds")
    page = await browser.press(page, "Отправить письмо ещё раз")

    assert page.notices == ["Отправили ещё раз"]


async def test_too_many_guesses_leave_the_form_usable_for_a_known_device(cabinet: Cabinet) -> None:
    known = await cabinet.signed_in()
    await known.press(await known.open("/settings/language"), "Выйти")
    stranger = await cabinet.browser()
    for _guess in range(10):
        await sign_in(stranger, password="не тот пароль")

    page = await sign_in(stranger)

    assert page.status == 429
    assert page.notices == [
        "Слишком много попыток. Войти можно будет через 15 минут"
        " Не хочется ждать? Задайте новый пароль по ссылке из письма"
    ]
    assert (page.value("login"), page.has_field("password")) == ("petrova", True)
    assert (await sign_in(known)).path == "/accounts"


async def test_blocked_user_is_told_whom_to_call(cabinet: Cabinet) -> None:
    await cabinet.identity.registered()
    await cabinet.identity.running.rows("UPDATE users SET status = 'blocked' RETURNING 1")

    page = await sign_in(await cabinet.browser())

    assert page.notices == ["Вход в этот кабинет закрыт. Позвоните нам: 8 800 000-00-00"]


async def test_identity_away_keeps_the_login(cabinet: Cabinet) -> None:
    cabinet.lines["identity"].cut = True

    page = await sign_in(await cabinet.browser("en"))

    assert (page.status, page.value("login")) == (503, "petrova")
    assert page.notices == [
        "It is not working right now. Everything you typed is still here: try again in a couple of minutes"
    ]
