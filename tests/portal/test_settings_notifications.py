"""What was sent to somebody and what became of it, never what it said."""

from datetime import UTC, datetime

import pytest

from notifier.rules import Kind, Status
from portal.pages.settings_notifications import KINDS, STATUSES, when
from portal.settings import PortalSettings
from portal.words import NBSP, Words
from shared.contracts.identity import EmailConfirmationRequested, EmailConfirmationSecrets
from tests.portal.browsing import Page
from tests.portal.conftest import Cabinet
from tests.portal.settings_steps import sent

ZONE = PortalSettings.model_fields["time_zone"].default


def items(page: Page) -> list[str]:
    return [one.text for one in page.root.all("ul", class_="kb-sent")[0].all("li")]


async def test_each_message_is_told_with_its_way_status_and_time(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await sent(
        cabinet,
        ("registration_code", "sms", "sent", "+7 912 •••-••-89"),
        ("new_sign_in", "email", "queued", "pe•••@mail.ru"),
        ("password_changed", "email", "failed", "pe•••@mail.ru"),
        ("account_linked", "email", "waiting", None),
        ("email_confirmation", "email", "expired", "pe•••@mail.ru"),
        ("phone_changed", "sms", "unknown", "+7 912 •••-••-89"),
    )

    page = await browser.open("/settings/notifications")

    assert [one.rpartition(",")[0] for one in items(page)] == [
        "Номер изменён Ответа пока нет SMS на номер +7 912 •••-••-89",
        "Письмо для подтверждения почты Срок вышел Письмо на pe•••@mail.ru",
        "Счёт подключён В очереди Письмо",
        "Пароль изменён Не доставлено Письмо на pe•••@mail.ru",
        "Новый вход В очереди Письмо на pe•••@mail.ru",
        "Код подтверждения Отправлено SMS на номер +7 912 •••-••-89",
    ]
    words = Words("ru", ZONE)
    today = words.day(datetime.now(UTC)).replace(NBSP, " ")
    assert all(f", {today} в " in one for one in items(page))


async def test_messages_are_told_in_english(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in("en")
    await sent(cabinet, ("registration_code", "sms", "sent", "+7 912 •••-••-89"), ("x_ray", "email", "failed", None))

    page = await browser.open("/settings/notifications")

    assert [one.rpartition(", ")[0].rpartition(", ")[0] for one in items(page)] == [
        "Message Not delivered Letter",
        "Confirmation code Sent SMS to +7 912 •••-••-89",
    ]


async def test_letter_that_the_notifier_was_asked_for_is_there_without_its_link(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    identity = cabinet.identity
    [event] = await identity.running.said(EmailConfirmationRequested)
    secrets = identity.opened(event, EmailConfirmationSecrets)
    await cabinet.notifier.hears((event, secrets))

    page = await browser.open("/settings/notifications")

    [only] = items(page)
    assert only.startswith("Письмо для подтверждения почты В очереди Письмо на pe•••@mail.ru,")
    assert secrets.token not in page.answer.text
    assert "petrova@mail.ru" not in page.answer.text


@pytest.mark.parametrize(
    ("language", "words"), [("ru", "Мы вам ещё ничего не отправляли"), ("en", "We have not sent you anything yet")]
)
async def test_nothing_sent_yet_is_said(cabinet: Cabinet, language: str, words: str) -> None:
    browser = await cabinet.signed_in(language)

    page = await browser.open("/settings/notifications")

    assert words in page.text


async def test_long_list_is_read_page_by_page_from_the_newest(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await sent(cabinet, *[("new_sign_in", "email", "sent", f"no{number}•••@mail.ru") for number in range(45)])

    first = await browser.open("/settings/notifications")
    second = await browser.open(first.href("Раньше"))
    third = await browser.open(second.href("Раньше"))

    shown = [one.split(" на no")[1].split("•••")[0] for page in (first, second, third) for one in items(page)]
    assert shown == [str(number) for number in reversed(range(45))]
    assert [len(items(page)) for page in (first, second, third)] == [20, 20, 5]
    assert "Раньше" not in third.text
    assert third.href("К самым новым") == "/settings/notifications"
    assert "К самым новым" not in first.text


@pytest.mark.parametrize("cursor", ["nowhere", "a&limit=100", "%0d%0aX", "я"])
async def test_place_that_is_none_leads_to_the_newest(cabinet: Cabinet, cursor: str) -> None:
    browser = await cabinet.signed_in()

    page = await browser.open(f"/settings/notifications?cursor={cursor}")

    assert (page.status, "Мы вам ещё ничего не отправляли" in page.text) == (200, True)


async def test_notifier_away_is_told_by_a_page_that_can_be_tried_again(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    cabinet.lines["notifier"].cut = True

    page = await browser.open("/settings/notifications")

    assert (page.status, page.heading) == (503, "Кабинет пока не отвечает")
    assert page.href("Попробовать снова") == "/settings/notifications"


async def test_messages_of_others_are_not_shown(cabinet: Cabinet) -> None:
    await cabinet.signed_in()
    await sent(cabinet, ("new_sign_in", "email", "sent", "pe•••@mail.ru"))
    await cabinet.identity.registered(login="sidorov", phone_proof=cabinet.identity.phone_proof())
    other = await cabinet.signed_in(login="sidorov")

    page = await other.open("/settings/notifications")

    assert "Мы вам ещё ничего не отправляли" in page.text


def test_every_kind_and_status_of_the_notifier_has_its_words() -> None:
    assert KINDS.keys() == {kind.value for kind in Kind}
    assert STATUSES.keys() == {status.value for status in Status}


@pytest.mark.parametrize(
    ("locale", "moment", "told"),
    [
        ("ru", datetime(2026, 11, 2, 6, 5, tzinfo=UTC), "2 ноября в 9:05"),
        ("ru", datetime(2025, 12, 31, 20, 59, tzinfo=UTC), "31 декабря 2025 года в 23:59"),
        ("ru", datetime(2025, 12, 31, 21, 0, tzinfo=UTC), "1 января в 0:00"),
        ("en", datetime(2025, 12, 31, 20, 59, tzinfo=UTC), "31 December 2025, 23:59"),
    ],
)
def test_year_is_told_where_it_is_another_one(locale: str, moment: datetime, told: str) -> None:
    words = Words("en" if locale == "en" else "ru", ZONE)

    said = when(words, moment, datetime(2026, 11, 26, 12, 0, tzinfo=ZONE))

    assert str(said).replace(NBSP, " ") == told
