"""Letters: what they say in both languages, and that HTML and text say the same."""

import ast
import html
import re
from datetime import timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

import notifier
from notifier import letters, rendering
from notifier.letters import LETTERS, in_html, in_text
from notifier.rendering import Envelope, NotOneAddress, letter_message, one_address, render
from notifier.rules import Kind
from notifier.words import Words
from shared.events import Malformed
from shared.languages import catalogue
from tests.notifier.conftest import words
from tests.notifier.samples import AT, CONFIRMATION, LETTER_SAMPLES, LIFE, RECOVERY, TOKEN

every_letter = pytest.mark.parametrize(
    ("kind", "details", "secrets"), list(LETTER_SAMPLES.values()), ids=list(LETTER_SAMPLES)
)
both_languages = pytest.mark.parametrize("locale", ["ru", "en"])


class Read(HTMLParser):
    """The words and links that a reader of the HTML part finds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self._hidden = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "title")
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += data.split()


def letter_of(kind: Kind, details: dict[str, Any], secrets: Any, locale: str) -> letters.Letter:
    return LETTERS[kind](words(locale), details, secrets)


@every_letter
@both_languages
def test_html_and_text_say_the_same(kind: Kind, details: dict[str, Any], secrets: Any, locale: str) -> None:
    letter = letter_of(kind, details, secrets, locale)

    page, text = render(letter, words(locale))

    seen = " ".join(Read(page).words)
    for part in (letter.subject, *letter.more, *letter.aside, *in_text((*letter.lead, *letter.small))):
        assert " ".join(part.split()) in " ".join(text.split())
    for part in (letter.subject, *letter.more, *letter.aside, *in_html((*letter.lead, *letter.small))):
        assert " ".join(part.split()) in seen
    links = {link for link in Read(page).links if link.startswith("http")}
    assert links == set(re.findall(r"https?://\S+", text))
    assert all(link.startswith("https://lk.example.ru/") for link in links)


@every_letter
@both_languages
def test_text_names_each_link_once_and_no_button(
    kind: Kind, details: dict[str, Any], secrets: Any, locale: str
) -> None:
    _page, text = render(letter_of(kind, details, secrets, locale), words(locale))

    links = re.findall(r"https?://\S+", text)
    assert len(links) == len(set(links))
    assert not re.search(r"button|кнопк", text, re.IGNORECASE)
    assert not re.search(r":\s*\n\s*\n", text)


@every_letter
def test_russian_times_name_moscow(kind: Kind, details: dict[str, Any], secrets: Any) -> None:
    letter = letter_of(kind, details, secrets, "ru")

    said = " ".join(in_html((*letter.lead, *letter.small)))
    assert len(re.findall(r"\d\d:\d\d", said)) == len(re.findall("\\d\\d:\\d\\d\u00a0МСК", said))


@every_letter
@both_languages
def test_subject_fits_and_nothing_is_left_open(kind: Kind, details: dict[str, Any], secrets: Any, locale: str) -> None:
    letter = letter_of(kind, details, secrets, locale)

    page, text = render(letter, words(locale))

    assert 0 < len(letter.subject) <= 60
    assert not re.search(r"[{}]", text)
    assert "<img" not in page
    assert len(in_html(letter.lead)[0]) > 0


@every_letter
def test_russian_letters_have_no_english_words(kind: Kind, details: dict[str, Any], secrets: Any) -> None:
    _page, text = render(letter_of(kind, details, secrets, "ru"), words("ru"))

    without_names = re.sub(r"https?://\S+|\S+@\S+|petrova|Chrome, Android|4K7-2QX|•••3456", "", text)
    assert not re.findall(r"[A-Za-z]{2,}", without_names)


def msgids() -> set[str]:
    """Every `_("…")` of the package's modules and templates."""
    package = Path(notifier.__file__).parent
    found: set[str] = set()
    for module in package.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in (
                "_",
                "ngettext",
            ):
                found |= {
                    part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    for template in (package / "templates").iterdir():
        found |= set(re.findall(r'_\("([^"]+)"\)', template.read_text()))
    return found


def test_every_msgid_is_translated_and_every_translation_used() -> None:
    translations = catalogue("notifier", "ru")
    used = msgids()
    catalog: dict[Any, str] = translations._catalog  # type: ignore[attr-defined]
    kept = {key[0] if isinstance(key, tuple) else key for key in catalog} - {""}

    untranslated = {msgid for msgid in used if msgid not in kept and not msgid.endswith(" hours")}

    assert not untranslated
    assert not kept - used


def test_placeholders_of_translations_are_those_of_the_originals() -> None:
    for key, text in catalogue("notifier", "ru")._catalog.items():  # type: ignore[attr-defined]
        msgid = key[0] if isinstance(key, tuple) else key
        if msgid:
            assert set(re.findall(r"{\w+}", text)) - {"{retailer}"} == set(re.findall(r"{\w+}", msgid)) - {"{retailer}"}


def test_confirmation_names_its_end_in_the_regions_time() -> None:
    letter = letter_of(Kind.EMAIL_CONFIRMATION, {"purpose": "registration", **LIFE}, CONFIRMATION, "ru")

    assert in_text(letter.small)[0].replace("\u00a0", " ") == "Ссылка действует 24 часа, до 26 ноября 14:20 МСК."
    assert letter.string == f"https://lk.example.ru/c/{TOKEN}"
    assert (
        in_text(letter.lead)[0].replace("\u00a0", " ") == "Этот адрес указали при регистрации в кабинете Энергосбыта."
    )


def test_text_of_a_confirmation_reads_as_a_letter() -> None:
    letter = letter_of(Kind.EMAIL_CONFIRMATION, {"purpose": "registration", **LIFE}, CONFIRMATION, "ru")

    page, text = render(letter, words("ru"))

    assert text.replace("\u00a0", " ").partition("\n--")[0] == (
        "Подтвердите адрес почты\n\n"
        "Этот адрес указали при регистрации в кабинете Энергосбыта. Откройте ссылку — и сможете войти.\n\n"
        f"Подтвердить адрес:\nhttps://lk.example.ru/c/{TOKEN}\n\n"
        "Ссылка действует 24 часа, до 26 ноября 14:20 МСК.\n\n"
        "Не регистрировались? Ничего не делайте: без подтверждения кабинет не откроется.\n"
    )
    seen = " ".join(Read(page).words)
    assert "Нажмите кнопку — и сможете войти." in seen
    assert f"Если кнопка не открывается, скопируйте ссылку: https://lk.example.ru/c/{TOKEN}" in seen


def test_confirmation_names_other_logins_masked_where_they_are_account_numbers() -> None:
    secrets = CONFIRMATION.model_copy(update={"other_logins": ["petrova", "67123456"]})

    letter = letter_of(Kind.EMAIL_CONFIRMATION, {"purpose": "registration", **LIFE}, secrets, "en")

    assert letter.more[0] == "This address already serves: petrova, •••3456."
    assert "https://lk.example.ru/recovery" in letter.more[1]


@pytest.mark.parametrize(
    ("hours", "words_"), [(1, "1 час"), (2, "2 часа"), (5, "5 часов"), (11, "11 часов"), (21, "21 час")]
)
def test_russian_plural_of_a_links_life(hours: int, words_: str) -> None:
    assert words("ru").hours(timedelta(hours=hours)) == words_.replace(" ", "\u00a0")


def test_moments_stand_in_the_regions_zone() -> None:
    assert words("ru").moment(AT).replace("\u00a0", " ") == "25 ноября в 14:20 МСК"
    assert words("en").moment(AT).replace("\u00a0", " ") == "25 November at 14:20 MSK"


def test_link_of_a_strange_token_is_refused() -> None:
    secrets = RECOVERY.model_copy(update={"token": "../../evil?" + "x" * 20})

    with pytest.raises(Malformed):
        letter_of(Kind.PASSWORD_RECOVERY, {**LIFE}, secrets, "ru")


def test_what_a_stranger_chose_is_text_and_never_markup() -> None:
    login = "<b>{{7*7}}</b><mj-raw>"
    secrets = RECOVERY.model_copy(update={"login": login})

    page, text = render(letter_of(Kind.PASSWORD_RECOVERY, {**LIFE}, secrets, "en"), words("en"))

    assert login in text
    assert "<b>{{7*7}}" not in page
    assert html.escape(login) in page


def message(recipient: str = "petrova@mail.ru") -> EmailMessage:
    letter = letter_of(Kind.PASSWORD_CHANGED, {"at": AT.isoformat()}, None, "ru")
    return letter_message(letter, words("ru"), Envelope("kabinet@energosbyt.example", recipient, "0190-1", AT))


def test_letter_has_both_parts_and_says_its_language_and_that_no_person_wrote_it() -> None:
    made = message()

    assert [part.get_content_type() for part in made.iter_parts()] == ["text/plain", "text/html"]
    assert (made["Auto-Submitted"], made["Content-Language"]) == ("auto-generated", "ru")
    assert made["Message-ID"] == "<0190-1@energosbyt.example>"
    assert made["From"].addresses[0].display_name == "Энергосбыт"
    assert made["Subject"] == "Пароль изменён"


@pytest.mark.parametrize(
    "recipient",
    [
        "a@mail.ru, b@mail.ru",
        "a@mail.ru\r\nBcc: b@mail.ru",
        "a@mail.ru\nBcc: b@mail.ru",
        "<a@mail.ru> <b@mail.ru>",
        "a@mail.ru;b@mail.ru",
        "group: a@mail.ru;",
        "",
    ],
)
def test_recipient_that_is_not_exactly_one_address_is_refused(recipient: str) -> None:
    with pytest.raises(NotOneAddress):
        message(recipient)


def test_name_with_a_line_end_is_refused() -> None:
    with pytest.raises(NotOneAddress):
        one_address("a@mail.ru", "Ann\r\nBcc: b@mail.ru")


def test_letters_render_without_asking_the_network() -> None:
    page, _text = render(letter_of(Kind.ACCOUNT_LINKED, {"ending": "3456"}, None, "ru"), words("ru"))

    assert not re.search(r"(src|@import|url\()", page)
    assert rendering._inliner() is rendering._inliner()


@every_letter
def test_letter_without_one_of_its_facts_is_no_letter(kind: Kind, details: dict[str, Any], secrets: Any) -> None:
    for name in details:
        without = {key: value for key, value in details.items() if key != name}
        with pytest.raises(KeyError):
            letter_of(kind, without, secrets, "ru")


@pytest.mark.parametrize("template", ["letter.txt", "feedback.txt"])
def test_template_without_one_of_its_values_makes_nothing(template: str) -> None:
    with pytest.raises(UndefinedError):
        rendering.text_of(template, {"_": str})


def test_letter_is_readable_in_the_dark_and_where_style_blocks_are_dropped() -> None:
    page, _text = render(letter_of(*LETTER_SAMPLES["email_confirmation-other_logins"], "ru"), words("ru"))

    assert '<meta name="color-scheme" content="light dark"' in page
    dark = page.partition("@media (prefers-color-scheme: dark)")[2].partition("</style>")[0]
    for name in ("page", "sheet", "ink", "soft", "string", "link"):
        assert f".{name}" in dark
        assert re.search(rf'class="[^"]*\b{name}\b', page), "what the dark scheme paints is there"
    assert re.search(r'<h1 style="[^"]*font-size', page)
    assert re.search(r'<a (class="link" )?[^>]*style="[^"]*color', page)


LIGHT, DARK = {"page": "#f6f3ec", "sheet": "#ffffff"}, {"page": "#0f171b", "sheet": "#182329"}


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("#14232b", LIGHT["sheet"]),
        ("#14232b", "#ece7dc"),
        ("#4c5b63", LIGHT["sheet"]),
        ("#4c5b63", LIGHT["page"]),
        ("#0b5a7a", LIGHT["page"]),
        ("#ffffff", "#0a5560"),
        ("#e9eff1", DARK["sheet"]),
        ("#e9eff1", "#223037"),
        ("#a9b8bf", DARK["sheet"]),
        ("#a9b8bf", DARK["page"]),
        ("#86cdf0", DARK["page"]),
    ],
)
def test_text_stands_out_from_its_ground(text: str, ground: str) -> None:
    """WCAG 2.2, 1.4.3, of the colours that the template has."""
    template = (Path(notifier.__file__).parent / "templates/letter.mjml").read_text()

    lighter, darker = sorted((luminance(text), luminance(ground)), reverse=True)

    assert text in template
    assert ground in template
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_zone_is_told_by_its_distance_from_moscow() -> None:
    from dataclasses import replace
    from zoneinfo import ZoneInfo

    retailer = replace(words("ru").retailer, zone=ZoneInfo("Asia/Yekaterinburg"))

    assert Words("ru", catalogue("notifier", "ru"), retailer).zone(AT) == "МСК+2"
