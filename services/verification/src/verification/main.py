"""The wiring of verification."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from shared.service import Kernel, Service
from verification import api, live_codes, watching
from verification.settings import VerificationSettings
from verification.wired import Wired


@asynccontextmanager
async def wire(kernel: Kernel) -> AsyncIterator[Wired]:
    settings: VerificationSettings = kernel.settings
    watching.tell_guess_bounds(settings)
    async with live_codes.opened(settings.redis_url.get_secret_value(), settings.redis_timeout_seconds) as live:
        yield Wired(settings, kernel.database, kernel.private_keys, live)


def expired(settings: VerificationSettings) -> Mapping[str, str]:
    """Two days are longer than any window; what support did is kept."""
    return {
        "code_sends": "sent_at < now() - interval '2 days'",
        "code_checks": "checked_at < now() - interval '2 days'",
        "codes": "created_at < now() - interval '2 days'",
        "phones": "seen_at < now() - interval '2 days'",
        "asking_addresses": "touched_at < now() - interval '2 days'",
        "prefixes": "touched_at < now() - interval '2 days'",
        "code_refusals": f"refused_at < now() - interval '{settings.refusals_retention_days} days'",
    }


service = Service(
    package="verification",
    settings=VerificationSettings,
    wire=wire,
    routers=[api.routes],
    needed=lambda wired: {"redis": wired.live.ping},
    useful=watching.checks,
    measure=watching.measure,
    expired=expired,
)
