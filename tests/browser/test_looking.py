"""What is looked for on a page is found where it is."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.browser.looking import complaints, foreign_words
from tests.browser.town import Town
from tests.browser.visitor import visiting

WRONG = """<!doctype html><html lang="en"><head><title>Signing in</title></head><body><main>
<style>.wide { width: 700px } .cut { width: 4em; overflow: hidden; white-space: nowrap } .pale { color: #ccc }
.bare { border: 0 }</style>
<p class="wide">Подойдёт и номер from the old portal</p><p class="cut">Too long for its box</p><p class="pale">Pale</p>
<img src="https://elsewhere.example/dot.png" width="9" height="9">
<form><input id="login" name="login"><button class="govuk-button bare" style="width: 20px">x</button></form>
<script>console.error("something broke"); throw new Error("and threw")</script>
</main></body></html>"""


@pytest.fixture(scope="module")
async def wrong(chromium: Browser, town: Town) -> AsyncIterator[list[str]]:
    """What is said of a page with everything wrong."""
    async with visiting(chromium, town) as visitor:
        await visitor.page.route("**/*", lambda route: route.abort())
        await visitor.page.set_content(WRONG)
        yield await complaints(visitor)


@pytest.mark.parametrize(
    "wanted",
    [
        "lang=en",
        "0 first headings",
        "title 'Signing in'",
        "axe image-alt: <img",
        "axe label: <input",
        "axe color-contrast: <p",
        "dark: axe color-contrast: <p",
        "forced colours: no border: <button> x",
        "in the other language: portal",
        "px wide at 320",
        "px wide at 640",
        "cut off: <p> Too long for its box",
        "with wide spacing cut off: <p>",
        "px to press: <button> x",
        "asked another host: https://elsewhere.example/dot.png",
        "console: something broke",
        "a script broke: and threw",
    ],
)
async def test_what_is_wrong_with_a_page_is_said(wrong: list[str], wanted: str) -> None:
    assert any(wanted in line for line in wrong), "\n".join(wrong)


def test_words_of_the_other_language_are_told_from_addresses_and_names() -> None:
    assert foreign_words("ru", "Письмо на name@mail.ru, SMS, e-mail petrova 4K7-2QX", frozenset({"petrova"})) == []
    assert foreign_words("ru", "Ваш account", frozenset()) == ["in the other language: account"]
    assert foreign_words("en", "Your счёт, Дача", frozenset({"Дача"})) == ["in the other language: счёт"]
