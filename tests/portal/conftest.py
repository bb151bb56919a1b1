"""The portal over the real applications of the four services, all in this process, on real databases and Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis

from billing_link.main import service as billing_link_service
from identity.main import service as identity_service
from notifier.main import service as notifier_service
from portal.main import app_of, wire
from portal.settings import PortalSettings
from portal.wired import Wired
from tests.identity.conftest import PASSWORD, Identity
from tests.kit import Running
from tests.portal.browsing import Browser, Page
from verification.main import service as verification_service

PUBLIC_URL = "https://lk.example.ru"
NOTIFIER = {
    "smtp_host": "127.0.0.1",
    "mail_from": "kabinet@energosbyt.example",
    "support_address": "support@energosbyt.example",
    "sms_url": "http://127.0.0.1:1",
    "sms_token": "the-token",
    "sms_sender": "Energosbyt",
    "portal_origin": PUBLIC_URL,
}


class Line(httpx2.AsyncBaseTransport):
    """The way to one service, which a test may cut; what went over it is written down."""

    def __init__(self, running: Running) -> None:
        self._transport = httpx2.ASGITransport(running.service.app(running.kernel, running.wired))
        self.cut = False
        self.deaf = False
        """Requests arrive, answers get lost."""
        self.hangs = False
        """Nothing comes back, not even an error."""
        self.seen: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if self.cut:
            raise httpx2.ConnectError("the line is cut")
        if self.hangs:
            await asyncio.Event().wait()
        answer = await self._transport.handle_async_request(request)
        if self.deaf:
            raise httpx2.ReadError("the answer got lost")
        return answer

    def calls(self, method: str, path: str) -> list[httpx2.Request]:
        return [one for one in self.seen if (one.method, one.url.path) == (method, path)]


@dataclass
class Cabinet:
    """The portal, what stands behind it, and people in front of it."""

    wired: Wired
    identity: Identity
    verification: Running
    billing_link: Running
    notifier: Running
    lines: dict[str, Line]
    redis: Redis
    _browser: Callable[..., Awaitable[Browser]] = field(repr=False)

    async def browser(self, language: str = "ru", address: str = "203.0.113.7") -> Browser:
        """A browser that has never been here."""
        return await self._browser(language, address)

    async def signed_in(self, language: str = "ru", login: str = "petrova") -> Browser:
        """The browser of somebody registered, confirmed and signed in."""
        if not await self.identity.running.rows("SELECT 1 FROM users WHERE login = :login", login=login):
            await self.identity.registered(login=login, headers={"Accept-Language": language})
        browser = await self.browser(language)
        page = await sign_in(browser, login)
        assert page.path == "/accounts", page.text
        return browser


async def sign_in(browser: Browser, login: str = "petrova", password: str = PASSWORD) -> Page:
    page = await browser.open("/login")
    return await browser.press(page, {"ru": "Войти", "en": "Sign in"}[browser.language], login=login, password=password)


@asynccontextmanager
async def opened_portal(
    keys: Path, redis_url: str, lines: dict[str, Line], **settings: Any
) -> AsyncIterator[tuple[Wired, httpx2.ASGITransport]]:
    """A portal process; two of them on one Redis are one portal."""
    values: dict[str, Any] = {
        "public_url": PUBLIC_URL,
        "redis_url": redis_url,
        "redis_timeout_seconds": 10,  # everything runs in this one process, and waits for it
        "page_seconds": 30,
        "identity_url": "http://identity.test",
        "verification_url": "http://verification.test",
        "billing_link_url": "http://billing-link.test",
        "notifier_url": "http://notifier.test",
        "public_keys_file": keys / "public.jwks.json",
        "private_keys_file": keys / "portal.private.jwks.json",
        "trusted_proxies": "127.0.0.1/32",
    }
    async with wire(PortalSettings(**values | settings), transports=lines) as wired:
        yield wired, httpx2.ASGITransport(app_of(wired), raise_app_exceptions=True)


@pytest.fixture
async def cabinet(
    open_service: Callable[..., Awaitable[Running]], keys: Path, redis_url: str
) -> AsyncIterator[Cabinet]:
    identity = Identity(await open_service(identity_service, guesses_per_address_minute=1000))
    verification = await open_service(
        verification_service, redis_url=f"{redis_url}/0", redis_timeout_seconds=10, request_seconds=30
    )
    billing_link = await open_service(billing_link_service)
    notifier = await open_service(notifier_service, **NOTIFIER)
    running = {
        "identity": identity.running,
        "verification": verification,
        "billing-link": billing_link,
        "notifier": notifier,
    }
    lines = {name: Line(one) for name, one in running.items()}
    async with AsyncExitStack() as stack:
        wired, transport = await stack.enter_async_context(opened_portal(keys, f"{redis_url}/1", lines))

        async def browser(language: str, address: str) -> Browser:
            http = httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers={"X-Forwarded-For": address})
            return Browser(await stack.enter_async_context(http), language)

        yield Cabinet(wired, identity, verification, billing_link, notifier, lines, wired.redis, browser)
