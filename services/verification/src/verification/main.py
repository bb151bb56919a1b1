"""The wiring of verification."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.service import Kernel, Service
from verification import api, live_codes
from verification.settings import VerificationSettings
from verification.wired import Wired


@asynccontextmanager
async def wire(kernel: Kernel) -> AsyncIterator[Wired]:
    settings: VerificationSettings = kernel.settings
    async with live_codes.opened(settings.redis_url.get_secret_value(), settings.redis_timeout_seconds) as live:
        yield Wired(settings, kernel.database, kernel.private_keys, live)


service = Service(
    package="verification",
    settings=VerificationSettings,
    wire=wire,
    routers=[api.routes],
    needed=lambda wired: {"redis": wired.live.ping},
    expired=lambda _settings: {
        "code_sends": "sent_at < now() - interval '2 days'",
        "code_checks": "checked_at < now() - interval '2 days'",
        "phones": "seen_at < now() - interval '2 days'",
    },
)
