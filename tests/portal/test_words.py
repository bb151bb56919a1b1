"""How things are said: plurals, times, the spaces that hold words together."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup
from pydantic import ValidationError

from portal.settings import PortalSettings
from portal.words import NBSP, Words, set_in_type
from shared.context import Locale

MOSCOW = ZoneInfo("Europe/Moscow")
RU, EN = Words("ru", MOSCOW), Words("en", MOSCOW)
MOMENT = datetime(2026, 11, 2, 6, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "russian", "english"),
    [
        (0, "через 1 секунду", "in 1 second"),
        (1, "через 1 секунду", "in 1 second"),
        (2, "через 2 секунды", "in 2 seconds"),
        (5, "через 5 секунд", "in 5 seconds"),
        (11, "через 11 секунд", "in 11 seconds"),
        (21, "через 21 секунду", "in 21 seconds"),
        (90, "через 90 секунд", "in 90 seconds"),
        (91, "через 2 минуты", "in 2 minutes"),
        (840, "через 14 минут", "in 14 minutes"),
        (1260, "через 21 минуту", "in 21 minutes"),
        (3 * 3600, "через 3 часа", "in 3 hours"),
        (11 * 3600, "через 11 часов", "in 11 hours"),
        (3 * 86_400, "через 3 дня", "in 3 days"),
    ],
)
def test_time_left_is_said_as_people_say_it(seconds: int, russian: str, english: str) -> None:
    assert RU.time_left(seconds).replace(NBSP, " ") == russian
    assert EN.time_left(seconds) == english


def test_dates_and_clocks_are_of_the_region() -> None:
    assert RU.date(MOMENT).replace(NBSP, " ") == "2 ноября 2026 года"
    assert EN.date(MOMENT).replace(NBSP, " ") == "2 November 2026"
    assert RU.moment(MOMENT).replace(NBSP, " ") == "2 ноября в 9:05"
    assert EN.moment(MOMENT).replace(NBSP, " ") == "2 November, 9:05"


@pytest.mark.parametrize(
    ("text", "locale", "expected"),
    [
        ("Вход в кабинет", "ru", "Вход в_кабинет"),
        ("и в этом", "ru", "и_в_этом"),
        ("с тем же логином", "ru", "с_тем_же логином"),
        ("верно ли указан", "ru", "верно_ли указан"),
        ("Нажмите — и готово", "ru", "Нажмите_— и_готово"),
        ("через 14 минут", "ru", "через 14_минут"),
        ("«в кавычках»", "ru", "«в_кавычках»"),
        ("A page — of text", "en", "A page_— of text"),
        ("Sign in", "en", "Sign in"),
    ],
)
def test_short_words_numbers_and_dashes_are_held_together(text: str, locale: Locale, expected: str) -> None:
    assert set_in_type(text, locale) == expected.replace("_", NBSP)


def test_what_people_typed_is_text_and_not_a_page() -> None:
    said = EN("Again in {clock}", clock="<script>")

    assert said == "Again in &lt;script&gt;"
    assert EN("Again in {clock}", clock=Markup("<b>1</b>")) == "Again in <b>1</b>"


@pytest.mark.parametrize(
    "url", ["http://lk.example.ru", "https://lk.example.ru/cabinet", "lk.example.ru", "ftp://lk.example.ru", "https://"]
)
def test_address_of_the_cabinet_is_an_https_origin(url: str) -> None:
    services = dict.fromkeys(("identity_url", "verification_url", "billing_link_url", "notifier_url"), "http://a:1")
    values: dict[str, Any] = {"public_url": url, "redis_url": "redis://a/0", **services}

    with pytest.raises(ValidationError, match="public_url"):
        PortalSettings(**values, public_keys_file=Path("a"), private_keys_file=Path("b"))
