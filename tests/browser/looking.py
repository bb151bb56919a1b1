"""A page looked at: by axe, at every width, by what can be pressed, by its words, in the dark, in forced colours."""

import re
from pathlib import Path

from playwright.async_api import ViewportSize

from tests.browser.visitor import DESK, PHONE, Visitor

HERE = Path(__file__).parent
SCRIPTS = (HERE / "vendor" / "axe.min.js").read_text() + ";" + (HERE / "checks.js").read_text() + ";undefined"
# Without scripts no timer of a page runs, and axe waits for one: here it goes on at once.
NO_TIMERS = "window.setTimeout = (act, ms, ...given) => { Promise.resolve().then(() => act(...given)); return 0 };"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
AXE = """options => axe.run(document, {...options, resultTypes: ["violations"]}).then(found => found.violations.flatMap(
    broken => broken.nodes.map(node => `axe ${broken.id}: ${node.html.slice(0, 200)}`)))"""
NARROW = ViewportSize(width=320, height=640)
ZOOMED = ViewportSize(width=640, height=400)
"""What a desk's window of 1280 px shows at 200 %."""

LATIN = re.compile(r"[A-Za-z][A-Za-z'’-]+")
CYRILLIC = re.compile(r"[А-Яа-яЁё]{2,}")
LATIN_IN_RUSSIAN = frozenset("e-mail sms wcag aa json zip cookie chrome linux english".split())
"""Names, and what Russian has no word of its own for."""
CYRILLIC_IN_ENGLISH = frozenset({"Русский"})
NOT_WORDS = re.compile(r"\S*[@•]\S*|https?://\S+|\S*\d\S*|\b[A-Z]{3}-[A-Z]{3}\b")
"""Addresses, numbers, references."""


async def complaints(visitor: Visitor, pictures: Path | None = None, name: str = "") -> list[str]:
    """What is wrong with the page that is shown. With `pictures` it is drawn as a phone and a desk show it."""
    page = visitor.page
    found = list(visitor.said)
    visitor.said.clear()
    found += await _structure(visitor)
    await page.evaluate(("" if visitor.scripts else NO_TIMERS) + SCRIPTS)
    found += await page.evaluate(AXE, {"runOnly": list(RULES)})
    found += foreign_words(visitor.locale, await page.evaluate("kabinet.words()"), visitor.own_words)
    found += await page.evaluate("kabinet.small()")
    found += await _widths(visitor, pictures, name)
    found += await _colours(visitor)
    return sorted({f"{visitor.locale}, scripts {'on' if visitor.scripts else 'off'}: {one}" for one in found})


async def _structure(visitor: Visitor) -> list[str]:
    page = visitor.page
    language, title, headings = await page.evaluate(
        "[document.documentElement.lang, document.title, document.querySelectorAll('h1').length]"
    )
    found = []
    if language != visitor.locale:
        found.append(f"lang={language}")
    if headings != 1:
        found.append(f"{headings} first headings")
    if not title.endswith({"ru": " — Кабинет", "en": " — Kabinet"}[visitor.locale]):
        found.append(f"title {title!r}")
    errors = await page.locator(".govuk-error-summary").count()
    if bool(errors) != title.startswith(("Ошибка: ", "Error: ")):
        found.append(f"{errors} error summaries under the title {title!r}")
    if visitor.scripts and errors and not await page.locator(".govuk-error-summary:focus").count():
        found.append("the error summary has not the focus")
    return found


async def _widths(visitor: Visitor, pictures: Path | None, name: str) -> list[str]:
    """320 px, also with the text spacing of WCAG 1.4.12; a phone; a desk, also at 200 %."""
    page, found = visitor.page, []
    for size in (NARROW, PHONE, ZOOMED, DESK):
        await page.set_viewport_size(size)
        found += await page.evaluate("[...kabinet.sideways(), ...kabinet.cut()]")
        if size == NARROW:
            spaced = "(kabinet.spaced(true), [...kabinet.sideways(), ...kabinet.cut()])"
            found += [f"with wide spacing {one}" for one in await page.evaluate(spaced)]
            await page.evaluate("kabinet.spaced(false)")
        if pictures is not None and size in (PHONE, DESK):
            await page.screenshot(path=pictures / f"{visitor.locale}-{name}-{size['width']}.png", full_page=True)
    await page.set_viewport_size(PHONE)
    return found


async def _colours(visitor: Visitor) -> list[str]:
    """Contrast in the dark; in forced colours what is drawn by a border is still there."""
    page, found = visitor.page, []
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in await page.evaluate(AXE, {"runOnly": ["color-contrast"]})]
    await page.emulate_media(color_scheme="light", forced_colors="active")
    found += [f"forced colours: {one}" for one in await page.evaluate("kabinet.borderless()")]
    await page.emulate_media(color_scheme="light", forced_colors="none")
    return found


def foreign_words(locale: str, text: str, own: frozenset[str]) -> list[str]:
    text = NOT_WORDS.sub(" ", text)
    if locale == "ru":
        words = {word for word in LATIN.findall(text) if word.lower() not in LATIN_IN_RUSSIAN}
    else:
        words = set(CYRILLIC.findall(text)) - CYRILLIC_IN_ENGLISH
    return [f"in the other language: {word}" for word in sorted(words - own)]
