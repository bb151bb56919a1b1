"""Another login of the old portal moves into the cabinet."""

from pathlib import Path

import pytest

from shared.contracts.identity import LegacyUserMigrated
from tests.portal.browsing import Browser, Page
from tests.portal.conftest import Cabinet
from tests.portal.settings_steps import OLD_NUMBER, OLD_PASSWORD, import_old

MOVE = "Перенести счёт"
MOVING = "Счёт 67123456 переезжает сюда"


async def moved(browser: Browser, login: str = OLD_NUMBER, password: str = OLD_PASSWORD) -> Page:
    return await browser.press(await browser.open("/settings/old-login"), MOVE, login=login, password=password)


async def test_right_old_password_moves_the_account_here(cabinet: Cabinet, tmp_path: Path) -> None:
    browser = await cabinet.signed_in()
    await import_old(cabinet, tmp_path)

    page = await moved(browser)

    assert page.path == "/accounts"
    assert MOVING in page.notices
    [event] = await cabinet.identity.running.said(LegacyUserMigrated)
    assert event.account_number == OLD_NUMBER
    assert (await cabinet.identity.sign_in(OLD_NUMBER, OLD_PASSWORD)).status_code == 401


async def test_move_is_told_in_english(cabinet: Cabinet, tmp_path: Path) -> None:
    browser = await cabinet.signed_in("en")
    await import_old(cabinet, tmp_path)

    page = await browser.press(
        await browser.open("/settings/old-login"), "Move the account", login=OLD_NUMBER, password=OLD_PASSWORD
    )

    assert "Account 67123456 is moving here" in page.notices


@pytest.mark.parametrize(
    ("login", "password"), [(OLD_NUMBER, "не тот"), ("67999999", OLD_PASSWORD), ("nobody", "не тот")]
)
async def test_wrong_and_unknown_are_told_alike(cabinet: Cabinet, tmp_path: Path, login: str, password: str) -> None:
    browser = await cabinet.signed_in()
    await import_old(cabinet, tmp_path)

    page = await moved(browser, login, password)

    assert (page.status, page.errors) == (422, {"login": "Логин или пароль не подошли"})
    assert (page.value("login"), page.value("password")) == (login, "")
    assert await cabinet.identity.running.said(LegacyUserMigrated) == []


async def test_empty_fields_are_told_in_their_order(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await moved(browser, " ", "")

    assert list(page.errors.items()) == [("login", "Введите логин"), ("password", "Введите пароль")]


async def test_too_many_guesses_are_told_with_the_time_to_wait(cabinet: Cabinet, tmp_path: Path) -> None:
    browser = await cabinet.signed_in()
    await import_old(cabinet, tmp_path)
    for number in range(10):
        page = await moved(browser, password=f"не тот {number}")

    page = await browser.press(page, MOVE, password=OLD_PASSWORD)

    assert (page.status, page.value("login")) == (429, OLD_NUMBER)
    assert page.notices[0].startswith("Слишком много попыток. Попробуйте через ")


async def test_moved_again_it_is_unknown_and_nothing_happens_twice(cabinet: Cabinet, tmp_path: Path) -> None:
    browser = await cabinet.signed_in()
    await import_old(cabinet, tmp_path)
    page = await browser.open("/settings/old-login")
    await browser.send(page, MOVE, login=OLD_NUMBER, password=OLD_PASSWORD)

    page = await browser.press(page, MOVE, login=OLD_NUMBER, password=OLD_PASSWORD)

    assert page.errors == {"login": "Логин или пароль не подошли"}
    assert len(await cabinet.identity.running.said(LegacyUserMigrated)) == 1


async def test_identity_away_keeps_the_login(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/old-login")
    cabinet.lines["identity"].cut = True

    page = await browser.press(page, MOVE, login=OLD_NUMBER, password=OLD_PASSWORD)

    assert (page.status, page.value("login"), page.value("password")) == (503, OLD_NUMBER, "")
