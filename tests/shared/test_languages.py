"""Languages: nothing that a person may read lacks its Russian text, and the header chooses."""

from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from shared.languages import preferred, translate

PACKAGES = ["shared", "identity", "verification", "billing_link", "notifier", "portal"]
METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.mjml", "jinja2"), ("**.txt", "jinja2")]


def russian(package: str) -> Catalog:
    with (Path(str(files(package))) / "locale" / "ru.po").open("rb") as file:
        return read_po(file, locale="ru", abort_invalid=True)


def marked(package: str) -> Iterator[str]:
    """The msgids that the package's code and templates mark; of a plural the first."""
    found = extract_from_dir(str(files(package)), METHODS, options_map={"**": {"silent": "false", "trimmed": "true"}})
    for _file, _line, message, _comments, _context in found:
        yield message if isinstance(message, str) else message[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_text_has_its_russian(package: str) -> None:
    kernel = russian("shared")
    own = russian(package)

    missing = {text for text in marked(package) if not (own.get(text) or kernel.get(text))}

    assert missing == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_no_translation_is_empty_fuzzy_or_broken(package: str) -> None:
    for message in russian(package):
        if message.id:
            texts = message.string if isinstance(message.string, list | tuple) else [message.string]
            assert all(texts), message.id
            assert not message.fuzzy, message.id
            assert not list(message.check()), message.id


@pytest.mark.parametrize("package", PACKAGES)
def test_people_are_addressed_in_lower_case(package: str) -> None:
    """«вы», not «Вы», wherever it does not begin a sentence."""
    for message in russian(package):
        texts = message.string if isinstance(message.string, list | tuple) else [message.string]
        for text in texts:
            for before, word in pairwise((text or "").split()):
                polite = word.strip("«»,.;:!?()") in {"Вы", "Вас", "Вам", "Вами", "Ваш", "Ваша", "Ваше", "Ваши", "Вашу"}
                assert not polite or before[-1] in ".!?:»", text


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "ru"),
        ("", "ru"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("ru;q=0.5, en;q=0.9", "en"),
        ("en;q=0, ru", "ru"),
        ("de, fr;q=0.5", "ru"),
        ("de, en;q=0.1", "en"),
        ("*", "ru"),
        ("en;q=x, ru", "ru"),
        ("en;q=nan", "ru"),
        (";;;,,,", "ru"),
        ("EN-us", "en"),
    ],
)
def test_header_chooses_the_language(header: str | None, locale: str) -> None:
    assert preferred(header) == locale


def test_text_without_a_translation_stays_as_it_is() -> None:
    assert translate("no such text", "shared", locale="ru") == "no such text"
    assert translate("There is nothing here.", "shared", locale="ru") == "Здесь ничего нет."
    assert translate("There is nothing here.", "shared", locale="en") == "There is nothing here."
