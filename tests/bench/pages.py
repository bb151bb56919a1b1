"""The cabinet's pages beside bare pages of Jinja2; what they weigh, and when a slow phone can use them."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median

import httpx2
from playwright.async_api import Browser, BrowserContext, async_playwright

from deploy.embedded.ports import free_port
from deploy.embedded.redis import Redis
from tests.bench.calls import Calls
from tests.bench.identities import program
from tests.bench.servers import Bench
from tests.bench.table import Line, Table
from tests.browser.chromium import chromium_program

TURNS = 3
PAGES = 400
LANES = 8
SLOW_NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
"""Milliseconds there and back, bytes a second: 1.6 Mbit/s down, as Lighthouse's phone."""
SLOW_CPU = 4
"""So many times slower than this machine."""
INTERACTIVE = """() => new Promise((tell) => new PerformanceObserver((list) => tell(list)).observe(
    {type: "navigation", buffered: true})).then((list) => {
  const [page] = list.getEntries();
  return Math.max(page.domContentLoadedEventEnd, ...window.longTasks.map((one) => one.startTime + one.duration));
})"""
LONG_TASKS = """window.longTasks = [];
const seen = (list) => window.longTasks.push(...list.getEntries());
new PerformanceObserver(seen).observe({type: "longtask", buffered: true});
"""


async def pages(bench: Bench, table: Table) -> None:
    async with _cabinet(bench) as cabinet:
        for path in ("/login", "/accounts"):
            await _rates(cabinet, path, table)
        if (chromium := chromium_program()) is None:
            raise SystemExit("The part “pages” needs a Chromium: apt-get install chromium")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium)
            await _weights(browser, cabinet, table)
            await _interactive(browser, cabinet, table)
            await browser.close()


@dataclass(frozen=True)
class _Cabinet:
    """The portal over services whose answers stand ready, and the bare pages."""

    port: int
    bare_port: int
    cookies: dict[str, str]
    """Of somebody signed in."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def _cabinet(bench: Bench) -> AsyncIterator[_Cabinet]:
    async with AsyncExitStack() as stack:
        redis = Redis(bench.folder / "redis")
        stack.push_async_callback(redis.stop)
        await redis.start()
        port, bare_port, services_port = free_port(), free_port(), free_port()
        services = f"http://127.0.0.1:{services_port}"
        stand_in = ("-m", "tests.bench.bare_pages")
        await stack.enter_async_context(program(stand_in, {"BARE_PORT": str(services_port)}, services_port))
        bare = {"BARE_PORT": str(bare_port), "BARE_SERVICES": services}
        await stack.enter_async_context(program(stand_in, bare, bare_port))
        environment = {
            f"PORTAL_{name}_URL": services for name in ("IDENTITY", "VERIFICATION", "BILLING_LINK", "NOTIFIER")
        }
        environment |= {
            "PORTAL_HTTP_PORT": str(port),
            "PORTAL_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PORTAL_REDIS_URL": f"{redis.url}/0",
            "PORTAL_PUBLIC_KEYS_FILE": str(bench.keys / "public.jwks.json"),
            "PORTAL_PRIVATE_KEYS_FILE": str(bench.keys / "portal.private.jwks.json"),
            "PORTAL_LOG_LEVEL": "ERROR",
        }
        await stack.enter_async_context(program(("-m", "portal", "api"), environment, port))
        yield _Cabinet(port, bare_port, await _signed_in(port))


async def _signed_in(port: int) -> dict[str, str]:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        form = (await http.get("/login")).text
        hidden = dict(re.findall(r'name="(form_token|once)" value="([^"]+)"', form))
        typed = {**hidden, "login": "petrova", "password": "синий трамвай едет в депо"}
        answer = await http.post("/login", data=typed, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.headers["location"] == "/accounts", answer.text
        return dict(http.cookies)


async def _rate(port: int, path: str, cookies: dict[str, str]) -> float:
    """Pages a second, through so many connections at once."""
    left = iter(range(PAGES))
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())

    async def lane() -> None:
        async with Calls(port, sent) as calls:
            for _ in left:
                answer = await calls.get(path)
                assert answer.status == 200, answer.head

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(LANES)))
    return PAGES / (time.perf_counter() - began)


async def _rates(cabinet: _Cabinet, path: str, table: Table) -> None:
    """In turns; the first of each, which compiles the templates, is not counted."""
    cookies = cabinet.cookies if path == "/accounts" else {"language": "ru"}
    bare, ours = [], []
    for turn in range(TURNS + 1):
        table.progress(f"pages of {path}", turn, TURNS + 1)
        bare.append(await _rate(cabinet.bare_port, path, {}))
        ours.append(await _rate(cabinet.port, path, cookies))
    ratio = median(one / limit for one, limit in zip(ours[1:], bare[1:], strict=True))
    table.add(Line(f"bare Jinja2 page like {path}", median(bare[1:]), "pages/s"))
    table.add(Line(f"GET {path}", median(ours[1:]), "pages/s"))
    table.add(Line(f"GET {path} / bare", ratio, "", least=0.5))


async def _weights(browser: Browser, cabinet: _Cabinet, table: Table) -> None:
    """Bytes as they come over the network, heads and all."""
    context = await _context(browser, cabinet)
    page = await context.new_page()
    network = await context.new_cdp_session(page)
    await network.send("Network.enable")
    received: list[float] = []
    network.on("Network.loadingFinished", lambda told: received.append(told["encodedDataLength"]))
    weights = []
    for path in ("/accounts", "/settings/language", "/feedback", "/accounts"):
        received.clear()
        await page.goto(path, wait_until="networkidle")
        weights.append(sum(received) / 1000)
    await context.close()
    table.add(Line("weight of the first page", weights[0], "kB", most=60))
    table.add(Line("weight of a later page, the heaviest", max(weights[1:]), "kB", most=15))


async def _interactive(browser: Browser, cabinet: _Cabinet, table: Table) -> None:
    """From the address to the last long task: each turn a phone that was never here, its network and CPU slowed."""
    seconds = []
    for turn in range(TURNS):
        table.progress("a slow phone", turn, TURNS)
        context = await _context(browser, cabinet)
        page = await context.new_page()
        await page.add_init_script(LONG_TASKS)
        slowed = await context.new_cdp_session(page)
        await slowed.send("Network.emulateNetworkConditions", SLOW_NETWORK)
        await slowed.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_CPU})
        await page.goto("/accounts", wait_until="networkidle")
        seconds.append(await page.evaluate(INTERACTIVE) / 1000)
        await context.close()
    table.add(Line("first page usable on a slow phone", median(seconds), "s", most=2))


async def _context(browser: Browser, cabinet: _Cabinet) -> BrowserContext:
    context = await browser.new_context(
        base_url=cabinet.url, locale="ru-RU", viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True
    )
    await context.add_cookies(
        [{"name": name, "value": value, "url": cabinet.url} for name, value in cabinet.cookies.items()]
    )
    return context
