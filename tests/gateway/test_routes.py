"""What is public: every route of a service and every page, each to its owner, and nothing else."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from portal.assets import Assets
from portal.pages import ROUTERS
from portal.web.routes import ANY_OTHER
from tests.gateway.conftest import Front, House, service_of
from tests.gateway.nginx import FILES, SERVICES
from tests.gateway.wire import Wire, fresh_address, wire

NAMED = {
    "account_number": "67123456",
    "provider": "primary",
    "token": "-aZ09_~.x-0123456789",
    "ref": "abcdefg234",
    "version": "0123456789abcdef",
    "name": "govuk/govuk-frontend.min.css",
}
"""What stands in a path for a parameter; any other is an id."""
ID = "01a21498-d8de-7289-ac2f-8019f5c34146"
PRIVATE = ("/metrics", "/livez", "/readyz", "/openapi.json", "/docs", "/redoc")


def public(service: str) -> Iterator[tuple[str, str]]:
    """Method and path, with something in the place of each parameter."""
    routers = ROUTERS if service == "portal" else service_of(service).routers
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if route.path == ANY_OTHER:
                continue
            for method in sorted(route.methods or ()):
                yield method, re.sub(r"\{(\w+)(:\w+)?\}", lambda found: NAMED.get(found[1], ID), route.path)


async def asked(front: Front, method: str, target: str, via: Wire) -> int:
    await via.send(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
    answer = await via.answer()
    assert answer is not None
    return answer.status


@pytest.mark.parametrize("service", SERVICES)
async def test_every_route_reaches_its_service(front: Front, service: str) -> None:
    front.seen()
    for method, path in public(service):
        async with wire(front.port) as via:
            for target in (path, f"{path}?wait=20&next=/metrics%2e%2e//", f"{path}?"):
                status = await asked(front, method, target, via)

                assert (status, front.seen()) == (200, [(service, target)]), f"{method} {target}"


async def test_every_file_of_the_pages_reaches_the_portal(front: Front) -> None:
    front.seen()
    assets = Assets()
    targets = [assets.url(name) for name in assets.files]
    async with wire(front.port) as via:
        for target in targets:
            await asked(front, "GET", target, via)

    assert sorted(front.seen()) == sorted(("portal", target) for target in targets)


def test_the_list_holds_no_name_that_is_not_a_routes() -> None:
    """What was public once and is not any more is taken off it."""
    routes = {(service, first(path)) for service in SERVICES for _method, path in public(service)}

    assert set(listed()) == routes


def listed() -> Iterator[tuple[str, str]]:
    """Owner and beginning of a path, for each alternative of the list in nginx.conf."""
    block = re.search(r"map \$path \$owner \{\n(.*?)\n    \}", (FILES / "nginx.conf").read_text(), re.DOTALL)
    assert block is not None
    for pattern, owner in re.findall(r'^ +"?(/\S*?|~\S+?)"? ([\w-]+);$', block[1], re.MULTILINE):
        beginning = re.sub(r"\(/\|\$\)$|/\[\^/\]\+\$$|(?<=.)/$", "", pattern.removeprefix("~^"))
        before, choice, _after = re.split(r"(\([\w|-]+\)|\[\w+\]|$)", beginning, maxsplit=1)
        for name in choice.strip("()").split("|") if choice.startswith("(") else choice.strip("[]") or ("",):
            yield owner, before + name


def first(path: str) -> str:
    """As much of a path as the list names."""
    if path.startswith("/.well-known/"):
        return path
    return "/".join(path.split("/")[: 3 if path.startswith("/v1/") else 2])


async def test_whatever_else_the_programs_answer_stays_inside(front: Front, house: House) -> None:
    """Health, metrics and documents; and what a program gets one day beside its routes."""
    front.seen()
    inside = {path for app in house.apps.values() for path in paths_of(app.routes)}
    inside -= {path for service in SERVICES for path in routes_of(service)}
    assert inside >= {"/metrics", "/livez", "/readyz", "/openapi.json"}

    for target in sorted(
        {*inside, *PRIVATE, "/v1", "/v1/", "/v1/unknown", "/.well-known", "/.well-known/nothing.json"}
    ):
        async with wire(front.port, fresh_address()) as via:
            for path in (target, f"{target}?a=/v1/me", f"{target}/"):
                status = await asked(front, "GET", path, via)

                assert (status, front.seen()) == (404, []), path


def routes_of(service: str) -> set[str]:
    routers = ROUTERS if service == "portal" else service_of(service).routers
    return {route.path for router in routers for route in router.routes if isinstance(route, APIRoute)}


def paths_of(routes: Iterable[Any]) -> Iterator[str]:
    """An application keeps a router that was included as one entry."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from paths_of(included.routes)
        else:
            yield route.path
