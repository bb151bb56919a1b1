"""The wiring of the portal."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2
import uvloop
from fastapi import FastAPI

from portal import asking, drawers
from portal.assets import Assets
from portal.pages import ROUTERS
from portal.rendering import Rendering
from portal.settings import PortalSettings
from portal.web.answering import PageRenderer
from portal.web.routes import PageRoute
from portal.wired import Wired
from shared.http import create_app
from shared.keys import PrivateKeys
from shared.serving import run_http_only


@asynccontextmanager
async def wire(
    settings: PortalSettings, transports: Mapping[str, httpx2.AsyncBaseTransport] | None = None
) -> AsyncIterator[Wired]:
    """`transports`: other ways to a service than its address."""
    assets = Assets()
    async with (
        drawers.opened(settings.redis_url.get_secret_value(), settings.redis_timeout_seconds) as redis,
        asking.opened(settings, transports) as services,
    ):
        keys = PrivateKeys(settings.private_keys_file)
        yield Wired(settings, redis, services, keys, Rendering(settings, assets), assets)


def app_of(wired: Wired) -> FastAPI:
    """Readiness hangs on Redis alone: a service that is away is told on the pages that need it."""

    async def redis_answers() -> None:
        await wired.redis.ping()

    pages = [route for router in ROUTERS for route in router.routes if isinstance(route, PageRoute)]
    return create_app(
        wired.settings,
        "portal",
        ROUTERS,
        PageRenderer("portal"),
        wired=wired,
        pages=pages,
        needed={"redis": redis_answers},
    )


def run(settings: PortalSettings) -> None:
    """Serve until SIGTERM."""

    async def serve() -> None:
        async with wire(settings) as wired:
            await run_http_only(app_of(wired), settings)

    uvloop.run(serve())
