"""The wiring of the portal."""

import asyncio

from redis.asyncio import Redis

from portal.pages import routes
from portal.settings import PortalSettings
from shared.http import create_app
from shared.serving import run_http_only


def run(settings: PortalSettings) -> None:
    """Serve until SIGTERM; readiness hangs on Redis alone."""

    async def serve() -> None:
        seconds = settings.redis_timeout_seconds
        url = settings.redis_url.get_secret_value()
        async with Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds) as redis:

            async def redis_answers() -> None:
                await redis.ping()

            app = create_app(settings, "portal", [routes], needed={"redis": redis_answers})
            await run_http_only(app, settings)

    asyncio.run(serve())
