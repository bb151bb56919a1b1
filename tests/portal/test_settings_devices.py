"""Where somebody is signed in, named in our own words, and how it ends there."""

from uuid import UUID

import pytest

from portal.pages.settings_devices import device_name
from portal.settings import PortalSettings
from portal.words import NBSP, Words
from shared.context import Locale
from tests.identity.conftest import PASSWORD
from tests.portal.browsing import Page
from tests.portal.conftest import Cabinet

ZONE = PortalSettings.model_fields["time_zone"].default
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.1 Mobile/15E148 Safari/604.1"
)
OTHERS = "Выйти на всех остальных"


async def signed_in_elsewhere(cabinet: Cabinet, user_agent: str = SAFARI) -> None:
    """Where no page of the portal is involved: another program of the same person's, say."""
    answer = await cabinet.identity.client.post(
        "/v1/sessions", json={"login": "petrova", "password": PASSWORD}, headers={"User-Agent": user_agent}
    )
    assert answer.status_code == 201


async def signed_in_long_ago(cabinet: Cabinet, locale: Locale) -> tuple[str, str]:
    """When it began and when it was seen last, as pages say it."""
    await signed_in_elsewhere(cabinet)
    [(began, seen)] = await cabinet.identity.running.rows(
        "UPDATE sessions SET created_at = now() - interval '9 days', last_seen_at = now() - interval '30 hours'"
        " WHERE user_agent = :agent RETURNING created_at, last_seen_at",
        agent=SAFARI,
    )
    words = Words(locale, ZONE)
    return str(words.moment(began)).replace(NBSP, " "), str(words.moment(seen)).replace(NBSP, " ")


def cards(page: Page) -> list[str]:
    return [card.text for card in page.root.all("li", class_="kb-account")]


def ends(page: Page) -> list[str]:
    return [button for button in page.buttons() if button.startswith("Завершить вход")]


async def test_each_device_is_named_with_its_times_and_this_one_comes_first(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    began, seen = await signed_in_long_ago(cabinet, "ru")

    page = await browser.open("/settings/devices")

    here, other = cards(page)
    assert here.startswith("Это устройство Firefox, Android Вход ")
    assert "Сейчас в кабинете" in here
    assert other.startswith(f"Safari, iPhone Вход {began}. Последний раз {seen} Завершить вход на устройстве Safari")


async def test_devices_are_told_in_english(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in("en")
    began, seen = await signed_in_long_ago(cabinet, "en")

    page = await browser.open("/settings/devices")

    assert cards(page)[0].startswith("This device Firefox, Android Signed in ")
    assert cards(page)[1].startswith(f"Safari, iPhone Signed in {began}. Last seen {seen} Sign out on Safari, iPhone")
    assert "Sign out everywhere else" in page.buttons()


async def test_sign_in_on_another_device_is_ended(cabinet: Cabinet) -> None:
    browser, other = await cabinet.signed_in(), await cabinet.signed_in()
    page = await browser.open("/settings/devices")

    page = await browser.press(page, ends(page)[0])

    assert (page.path, page.notices) == ("/settings/devices", ["Вход на этом устройстве завершён"])
    assert len(cards(page)) == 1
    assert (await other.open("/settings")).path == "/login"
    assert (await browser.open("/settings")).status == 200


async def test_everywhere_else_is_ended_at_once(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    for _device in range(3):
        await signed_in_elsewhere(cabinet)
    page = await browser.open("/settings/devices")
    assert len(cards(page)) == 4

    page = await browser.press(page, OTHERS)

    assert (page.path, page.notices) == ("/settings/devices", ["На всех остальных устройствах вход завершён"])
    assert len(cards(page)) == 1


async def test_the_only_device_has_nothing_to_end_but_itself(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page = await browser.open("/settings/devices")

    assert (OTHERS in page.buttons(), ends(page)) == (False, [])
    [card] = page.root.all("li", class_="kb-account")
    assert [(form.attributes["action"], form.text) for form in card.all("form")] == [("/session/end", "Выйти")]


async def test_sign_in_that_has_ended_meanwhile_is_no_error(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await signed_in_elsewhere(cabinet)
    page = await browser.open("/settings/devices")
    await browser.press(page, ends(page)[0])

    page = await browser.press(page, ends(page)[0])

    assert (page.status, page.notices) == (200, ["Вход на этом устройстве завершён"])


async def test_session_of_another_person_stays(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await cabinet.identity.registered(login="sidorov", phone_proof=cabinet.identity.phone_proof())
    await cabinet.identity.sign_in("sidorov")
    [(theirs,)] = await cabinet.identity.running.rows(
        "SELECT sessions.id FROM sessions JOIN users ON users.id = user_id WHERE login = 'sidorov'"
    )
    await signed_in_elsewhere(cabinet)
    page = await browser.open("/settings/devices")

    await browser.send(page, ends(page)[0], session=str(theirs))

    left = await cabinet.identity.running.rows("SELECT 1 FROM sessions WHERE id = :id AND ended_at IS NULL", id=theirs)
    assert left == [(1,)]


@pytest.mark.parametrize("named", ["", "current", "../me", f"{UUID(int=7)}/../current"])
async def test_what_names_no_session_is_not_found(cabinet: Cabinet, named: str) -> None:
    browser = await cabinet.signed_in()
    await signed_in_elsewhere(cabinet)
    page = await browser.open("/settings/devices")

    answer = await browser.send(page, ends(page)[0], session=named)

    assert answer.status_code == 404
    assert len(cards(await browser.open("/settings/devices"))) == 2


async def test_form_of_another_session_ends_nothing(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await signed_in_elsewhere(cabinet)
    page = await browser.open("/settings/devices")

    page = await browser.press(page, OTHERS, form_token="0" * 64)

    assert page.notices == ["Страница была открыта слишком долго. Нажмите кнопку ещё раз"]
    assert len(cards(await browser.open("/settings/devices"))) == 2


async def test_identity_away_is_told_by_a_page(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await signed_in_elsewhere(cabinet)
    page = await browser.open("/settings/devices")
    cabinet.lines["identity"].cut = True

    assert (await browser.open("/settings/devices")).status == 503
    assert (await browser.send(page, OTHERS)).status_code == 503


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (SAFARI, "Safari, iPhone"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox, Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile"
            " Safari/537.36",
            "Chrome, Android",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
            " YaBrowser/25.10.0.0 Safari/537.36",
            "Яндекс Браузер, Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0"
            " Safari/537.36 Edg/141.0.0.0",
            "Edge, macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " CriOS/141.0 Mobile/15E148 Safari/604.1",
            "Chrome, iPhone",
        ),
        ("curl/8.14.1", "Неизвестное устройство"),
        ("<script>alert(1)</script>", "Неизвестное устройство"),
        ("", "Неизвестное устройство"),
        (None, "Неизвестное устройство"),
    ],
)
def test_device_is_named_in_our_words_only(agent: str | None, name: str) -> None:
    assert str(device_name(Words("ru", ZONE), agent)).replace(NBSP, " ") == name
