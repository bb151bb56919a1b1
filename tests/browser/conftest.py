"""Fixtures: Debian's Chromium and the whole set, each once per run, and visitors."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser import town as towns
from tests.browser.chromium import chromium_program
from tests.browser.town import Town
from tests.browser.visitor import Visitor, visiting

REQUIRED = os.environ.get("KABINET_BROWSER") == "required"
"""Set by the gate: there the tests of the pages are not left out."""


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    program = chromium_program()
    if program is None:
        wanted = "no Chromium on this machine: apt-get install chromium, or KABINET_CHROMIUM=/path/to/it"
        if REQUIRED:
            pytest.fail(wanted)
        pytest.skip(wanted)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def town(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Asks for the browser first: where there is none, nothing is started."""
    async with towns.opened(tmp_path_factory.mktemp("browser")) as town:
        yield town


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where the pictures of the pages are put; they are looked at by people, and not kept in git."""
    folder = Path(__file__).parents[2] / "var" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def visitor(chromium: Browser, town: Town) -> AsyncIterator[Callable[..., Awaitable[Visitor]]]:
    """`await visitor(locale="en", scripts=False, who="resident")`: a browser of somebody's own."""
    async with AsyncExitStack() as stack:

        async def came(**arguments: Any) -> Visitor:
            return await stack.enter_async_context(visiting(chromium, town, **arguments))

        yield came
