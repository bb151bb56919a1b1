"""Letters: what they say in both languages, and that HTML and text say the same."""

import ast
import html
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import notifier
from notifier import letters, rendering
from notifier.letters import LETTERS, in_html, in_text
from notifier.rendering import Envelope, NotOneAddress, letter_message, one_address, render
from notifier.rules import Kind
from notifier.words import Words
from shared.contracts import identity as said
from shared.events import Malformed
from shared.languages import catalogue
from tests.notifier.conftest import words

TOKEN = "q3Zk8vJm2RtY7cXw0LpNs5hB1uFdEoGa"
AT = datetime(2026, 11, 25, 11, 20, tzinfo=UTC)
LIFE = {"asked_at": AT.isoformat(), "expires_at": (AT + timedelta(hours=24)).isoformat()}
CONFIRMATION = said.EmailConfirmationSecrets(email="petrova@mail.ru", login="petrova", token=TOKEN)
RECOVERY = said.PasswordRecoverySecrets(email="petrova@mail.ru", login="petrova", token=TOKEN)
CHANGED = said.ChangedContacts(
    email="new@mail.ru", phone="+79123456789", previous="petrova@mail.ru", reversal_token=TOKEN
)
AGENT = said.SessionOrigin(user_agent="Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Safari/537.36")

EVERY: list[tuple[Kind, dict[str, Any], Any]] = [
    (Kind.EMAIL_CONFIRMATION, {"purpose": "registration", **LIFE}, CONFIRMATION),
    (Kind.EMAIL_CONFIRMATION, {"purpose": "migration", **LIFE}, CONFIRMATION),
    (Kind.EMAIL_CONFIRMATION, {"purpose": "email_change", **LIFE}, CONFIRMATION),
    (
        Kind.EMAIL_CONFIRMATION,
        {"purpose": "registration", **LIFE},
        CONFIRMATION.model_copy(update={"other_logins": ["petrova", "67123456"]}),
    ),
    (
        Kind.PASSWORD_RECOVERY,
        {"asked_at": AT.isoformat(), "expires_at": (AT + timedelta(hours=1)).isoformat()},
        RECOVERY,
    ),
    (Kind.EMAIL_CHANGED, {}, CHANGED),
    (Kind.PHONE_CHANGED, {}, CHANGED),
    (Kind.PASSWORD_CHANGED, {"at": AT.isoformat()}, None),
    (Kind.NEW_SIGN_IN, {"at": AT.isoformat()}, AGENT),
    (Kind.ACCOUNT_LINKED, {"ending": "3456"}, None),
    *(
        (Kind.ACCOUNT_LINKED_BY_ANOTHER, {"ending": "3456", "origin": origin, "linked_at": AT.isoformat()}, None)
        for origin in ("amount", "migrated", "support")
    ),
    (Kind.LINK_REFUSED, {"refusal": "not-confirmed"}, None),
    (Kind.LINK_REFUSED, {"refusal": "try-later"}, None),
    *(
        (Kind.ACCOUNT_UNLINKED, {"ending": "3456", "reason": reason}, None)
        for reason in ("user", "new-contract", "objection", "support")
    ),
    (Kind.USER_ERASED, {}, said.ErasedContacts(email="petrova@mail.ru")),
    (Kind.FEEDBACK_RECEIPT, {"reference": "4K7-2QX"}, None),
]
every_letter = pytest.mark.parametrize(("kind", "details", "secrets"), EVERY)
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


def test_letter_has_both_parts_and_says_that_no_person_wrote_it() -> None:
    made = message()

    assert [part.get_content_type() for part in made.iter_parts()] == ["text/plain", "text/html"]
    assert made["Auto-Submitted"] == "auto-generated"
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


def test_zone_is_told_by_its_distance_from_moscow() -> None:
    from dataclasses import replace
    from zoneinfo import ZoneInfo

    retailer = replace(words("ru").retailer, zone=ZoneInfo("Asia/Yekaterinburg"))

    assert Words("ru", catalogue("notifier", "ru"), retailer).zone(AT) == "МСК+2"
