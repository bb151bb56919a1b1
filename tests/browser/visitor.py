"""Somebody's browser at the cabinet: what is done in it, and what it has to say against the pages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    StorageState,
    ViewportSize,
)

from tests.browser.town import Town

Locale = Literal["ru", "en"]
PHONE = ViewportSize(width=360, height=740)
DESK = ViewportSize(width=1280, height=800)
TIMEOUT_SECONDS = 15
_STATES: dict[tuple[str, str], StorageState] = {}
_SIGNING_IN: dict[tuple[str, str], asyncio.Lock] = {}


@dataclass
class Visitor:
    """`page` is Playwright's own, for whatever has no shorter word here."""

    town: Town
    context: BrowserContext
    page: Page
    locale: Locale
    scripts: bool
    said: list[str] = field(default_factory=list)
    """Errors in the console, scripts that broke, requests to other hosts."""
    status: int = 0
    """Of the page that is shown."""
    seconds: float = 0
    """How long the answer took: the page's, or that of a part of it."""
    statuses: set[int] = field(default_factory=set)
    """Of all pages so far."""
    own_words: frozenset[str] = frozenset()
    """What the person typed, in whatever language."""

    async def open(self, path: str) -> None:
        await self.page.goto(path)

    async def send(self, action: str, /, button: str = "", **typed: str) -> None:
        """Type into the form with this action, press its button, and wait for the page that comes."""
        await self.type(action, **typed)
        await self.press(action, button)

    async def type(self, action: str, /, **typed: str) -> None:
        form = self.form(action)
        for name, value in typed.items():
            field_ = form.locator(f"[name={name}]")
            if await field_.first.get_attribute("type") == "radio":
                await form.locator(f"[name={name}][value={value}]").check()
            else:
                await field_.fill(value)

    async def press(self, action: str, button: str = "") -> None:
        """`button`: the value of its `action`; without, the filled one."""
        async with self.page.expect_navigation():
            await self.button(action, button).click()

    def form(self, action: str) -> Locator:
        """A path's end will do, where its beginning holds what only the service knows."""
        return self.page.locator(f"main form[action$='{action}']")

    def button(self, action: str, value: str = "") -> Locator:
        chosen = f"button[name=action][value='{value}']" if value else "button[type=submit].govuk-button"
        return self.form(action).locator(f"{chosen}:not(.govuk-visually-hidden)").first

    async def sign_in(self, who: str) -> None:
        """A session of its own. The language stays this device's, whatever the person's is."""
        person = self.town.people[who]
        self.own_words = person.own_words
        await self.open("/login")
        await self.send("/login", login=person.login, password=person.password)
        assert self.path != "/login", f"{who} did not get in"
        await self.context.add_cookies([{"name": "language", "value": self.locale, "url": self.town.url}])

    async def follow(self, end: str) -> None:
        """The first link of the page whose address ends so."""
        async with self.page.expect_navigation():
            await self.page.locator(f"main a[href$='{end}']").first.click()

    async def heading(self) -> str:
        return read(await self.page.locator("h1").inner_text())

    async def notices(self) -> list[str]:
        return [read(text) for text in await self.page.locator("#messages .kb-notice").all_inner_texts()]

    async def errors(self) -> list[str]:
        return [read(text) for text in await self.page.locator(".govuk-error-summary__list li").all_inner_texts()]

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    # --- what the browser has to say

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda problem: self.said.append(f"a script broke: {problem}"))
        page.on("request", self._request)
        page.on("response", self._response)
        page.set_default_timeout(TIMEOUT_SECONDS * 1000)

    def _console(self, message: ConsoleMessage) -> None:
        # A page's own status is no failure: 422 and 503 are how forms answer.
        if message.type in ("error", "warning") and "the server responded with a status" not in message.text:
            self.said.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.town.url, "data:", "blob:")):
            self.said.append(f"asked another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.request.resource_type in ("document", "fetch"):
            self.seconds = response.request.timing["responseStart"] / 1000
        if response.request.is_navigation_request() or response.request.method == "POST":
            self.statuses.add(response.status)
            if not 300 <= response.status < 400:
                self.status = response.status
        elif response.status >= 400:
            self.said.append(f"{response.status} for {response.url}")


def read(text: str) -> str:
    """As it reads: spaces are one, no-break ones too."""
    return " ".join(text.split())


@asynccontextmanager
async def visiting(
    chromium: Browser,
    town: Town,
    locale: Locale = "ru",
    scripts: bool = True,
    who: str | None = None,
    viewport: ViewportSize = PHONE,
    **options: Any,
) -> AsyncIterator[Visitor]:
    """A browser that has never been here, or that of somebody who is signed in."""
    if who is not None:
        options["storage_state"] = await _signed_in(chromium, town, locale, who)
    context = await chromium.new_context(
        base_url=town.url,
        locale={"ru": "ru-RU", "en": "en-GB"}[locale],
        java_script_enabled=scripts,
        viewport=viewport,
        **options,
    )
    try:
        visitor = Visitor(town, context, await context.new_page(), locale, scripts)
        if who is not None:
            visitor.own_words = town.people[who].own_words
        visitor.listen(visitor.page)
        yield visitor
    finally:
        await context.close()


async def _signed_in(chromium: Browser, town: Town, locale: Locale, who: str) -> StorageState:
    """Once for each language."""
    async with _SIGNING_IN.setdefault((who, locale), asyncio.Lock()):
        if (who, locale) not in _STATES:
            async with visiting(chromium, town, locale) as visitor:
                await visitor.sign_in(who)
                _STATES[who, locale] = await visitor.context.storage_state()
        return _STATES[who, locale]
