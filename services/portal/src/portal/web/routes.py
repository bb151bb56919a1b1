"""Routes of pages: who comes, from where, with what; and what becomes of a session or a service that is gone."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match

from portal.forms import TOO_OLD
from portal.refusing import Away, FormTooOld, NotDone, Refused, SessionEnded
from portal.web.answering import dress, error_page
from portal.web.reading import read_form, require_own_site
from portal.web.visiting import Visit
from shared.languages import _

LONGEST_SECONDS = 25.0
"""No page takes longer, whatever it waits for."""
ENDED = _("Your session has ended. Sign in again and we will take you back")
ANY_OTHER = "/{rest:path}"
"""The route of whatever there is no page for."""
_SECTION = re.compile(r"/(accounts(?!/requests)|settings)(?=/|$)")
"""But for the cards that a page's script fetches: they are no pages."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A page's function gets a `Visit` that is open, and may raise whatever calls of services raise."""

    def get_route_handler(self) -> Handler:
        endpoint = super().get_route_handler()

        async def visited(request: Request) -> Response:
            visit = request.state.visit = Visit(request, request.app.state.wired)
            await visit.open()
            if request.method == "POST":
                require_own_site(request, visit.settings)
                visit.typed = await read_form(request, visit.settings)
                visit.too_old = not visit.is_own_form()
            try:
                async with asyncio.timeout(LONGEST_SECONDS):
                    answer = await _answered(visit, endpoint)
            except (NotDone, TimeoutError) as problem:
                answer = await _told(visit, problem)
            return dress(answer, visit.settings, visit)

        return visited


async def _answered(visit: Visit, endpoint: Handler) -> Response:
    try:
        return await endpoint(visit.request)
    except SessionEnded:
        return await _to_sign_in(visit)
    except FormTooOld:
        return await visit.go(page_of(visit.request), TOO_OLD, kind="wait")


async def _told(visit: Visit, problem: Exception) -> Response:
    if isinstance(problem, Refused):
        return await error_page(visit, problem.status, problem.retry_after)
    return await error_page(visit, 503, problem.retry_after if isinstance(problem, Away) else None)


async def _to_sign_in(visit: Visit) -> Response:
    """Sign in, and then back to the page, or to its section where it was a button alone."""
    ended = visit.ended or visit.signed_in
    if visit.signed_in:
        await visit.leave()
    await visit.come_back(page_of(visit.request))
    return await (visit.go("/login", ENDED, kind="wait") if ended else visit.go("/login"))


def page_of(request: Request) -> str:
    """The page that a request is of: itself, the one whose form it was, or its section; always one of this house."""
    path = request.url.path
    if has_page(request, path):
        return path
    before = urlsplit(request.headers.get("referer", "")).path
    if before and has_page(request, before):
        return before
    section = _SECTION.match(path)
    return section[0] if section else "/"


def has_page(request: Request, path: str) -> bool:
    """Whether the portal has a page of its own there, to be looked at."""
    if not path.startswith("/") or path.startswith("//"):
        return False
    scope = {**request.scope, "method": "GET", "path": path}
    for route in request.app.state.pages:
        if route.matches(scope)[0] is Match.FULL:
            return "{" not in route.path or (_SECTION.match(path) is not None and route.path != ANY_OTHER)
    return False


def pages(**arguments: Any) -> APIRouter:
    """A router for pages."""
    return APIRouter(route_class=PageRoute, include_in_schema=False, **arguments)


async def _visiting(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


async def _signed_in(request: Request) -> Visit:
    visit: Visit = request.state.visit
    if visit.away:
        raise Away("redis")
    if not visit.signed_in:
        raise SessionEnded
    return visit


AnyVisit = Annotated[Visit, Depends(_visiting)]
"""Of anybody."""
OwnVisit = Annotated[Visit, Depends(_signed_in)]
"""Of somebody signed in; everybody else signs in first and comes back."""
