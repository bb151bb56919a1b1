"""Another password: everywhere else the person is signed out, and here goes on under a new id."""

from shared.contracts.identity import PasswordChanged
from tests.identity.conftest import PASSWORD
from tests.portal.browsing import Browser, Page
from tests.portal.conftest import Cabinet, sign_in

CHANGE = "Сменить пароль"
NEW = "зелёный автобус стоит"


async def changed(browser: Browser, current: str = PASSWORD, new: str = NEW, again: str = NEW) -> Page:
    page = await browser.open("/settings/password")
    return await browser.press(page, CHANGE, current_password=current, password=new, password_confirmation=again)


async def test_new_password_is_told_with_the_way_to_the_devices(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await changed(browser)

    assert (page.path, page.notices) == ("/settings", ["Пароль изменён. Проверьте, где ещё открыт кабинет"])
    assert page.href("Проверьте, где ещё открыт кабинет") == "/settings/devices"
    assert (await browser.open("/settings")).notices == []
    assert len(await cabinet.identity.running.said(PasswordChanged)) == 1
    assert (await cabinet.identity.sign_in(password=NEW)).status_code == 201


async def test_new_password_is_told_in_english(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in("en")
    typed = {"current_password": PASSWORD, "password": NEW, "password_confirmation": NEW}

    page = await browser.press(await browser.open("/settings/password"), "Change the password", **typed)

    assert page.notices == ["Password changed. See where else you are signed in"]


async def test_new_password_signs_out_everywhere_else(cabinet: Cabinet) -> None:
    browser, elsewhere = await cabinet.signed_in(), await cabinet.signed_in()

    await changed(browser)

    assert (await browser.open("/settings/devices")).text.count("Это устройство") == 1
    assert (await elsewhere.open("/settings")).path == "/login"


async def test_session_goes_on_under_a_new_id_and_the_old_one_opens_nothing(cabinet: Cabinet) -> None:
    browser, thief = await cabinet.signed_in(), await cabinet.browser()
    stolen = browser.http.cookies["__Host-kabinet"]

    await changed(browser)

    assert browser.http.cookies["__Host-kabinet"] != stolen
    thief.http.cookies.set("__Host-kabinet", stolen)
    assert (await thief.open("/settings")).path == "/login"
    assert (await browser.open("/settings")).status == 200


async def test_wrong_current_password_is_told_and_changes_nothing(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await changed(browser, current="не тот")

    assert (page.status, page.errors) == (422, {"current_password": "Пароль не подошёл"})
    assert NEW not in page.answer.text
    assert (await sign_in(await cabinet.browser())).path == "/accounts"


async def test_new_password_that_will_not_do_is_told_at_its_field(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    empty = await changed(browser, "", "", "")
    different = await changed(browser, again="другой автобус")
    weak = await changed(browser, new="petrova1", again="petrova1")
    long = await changed(browser, new="а" * 129, again="а" * 129)

    current = ("current_password", "Введите пароль")
    assert list(empty.errors.items()) == [current, ("password", "Придумайте пароль")]
    assert different.errors == {"password_confirmation": "Пароли не совпадают"}
    assert weak.errors == {"password": "Пароль легко угадать. Добавьте ещё слово или два"}
    assert long.errors == {"password": "Пароль слишком длинный, хватит 128 символов"}


async def test_identity_away_changes_nothing_and_says_so(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/password")
    cabinet.lines["identity"].cut = True

    page = await browser.press(page, CHANGE, current_password=PASSWORD, password=NEW, password_confirmation=NEW)

    assert (page.status, page.path, page.value("username")) == (503, "/settings/password", "petrova")
    assert page.notices == ["Сейчас не получается. Всё, что вы ввели, на месте — попробуйте через пару минут"]
