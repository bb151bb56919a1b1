"""Every state of every page, in both languages, with and without scripts, looked at as was promised."""

import asyncio
from itertools import chain, product
from pathlib import Path

import pytest
from playwright.async_api import Browser
from starlette.routing import compile_path

from portal.pages import ROUTERS
from portal.web.routes import PageRoute
from tests.browser.looking import complaints
from tests.browser.states import State
from tests.browser.states_inside import INSIDE
from tests.browser.states_outside import OUTSIDE
from tests.browser.town import Town
from tests.browser.visitor import Locale, visiting

STATES = OUTSIDE + INSIDE


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.id)
async def test_page_holds_in_both_languages_with_and_without_scripts(
    chromium: Browser, town: Town, pictures: Path, state: State
) -> None:
    async def visit(locale: Locale, scripts: bool) -> list[str]:
        async with visiting(chromium, town, locale, scripts, state.who) as visitor:
            await state.reach(visitor)
            regex, _format, _converters = compile_path(state.route)
            assert regex.match(visitor.path), f"came to {visitor.path}, not {state.route}"
            assert visitor.status == state.status
            return await complaints(visitor, pictures if scripts else None, state.id)

    locales: tuple[Locale, ...] = ("ru", "en")
    found = await asyncio.gather(*(visit(locale, scripts) for locale, scripts in product(locales, (True, False))))

    if told := "\n".join(chain(*found)):
        pytest.fail(told, pytrace=False)


def test_every_page_of_the_portal_is_visited_by_the_browser() -> None:
    pages = {
        route.path
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, PageRoute) and "GET" in (route.methods or ())
    }

    visited = {state.route for state in STATES} | {path for state in STATES for path in state.via}

    assert sorted(pages - visited) == []
    assert sorted(visited - pages) == []
