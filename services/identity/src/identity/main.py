"""The wiring of identity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from identity import letters
from identity.api import ROUTERS
from identity.passwords import Passwords
from identity.reactions import HEARD
from identity.settings import IdentitySettings
from identity.wired import Wired
from shared.service import Kernel, Service


@asynccontextmanager
async def wire(kernel: Kernel) -> AsyncIterator[Wired]:
    settings: IdentitySettings = kernel.settings
    passwords = Passwords(settings.hashes_at_once)
    try:
        yield Wired(settings, kernel.database, kernel.private_keys, kernel.public_keys, passwords)
    finally:
        passwords.close()


service = Service(
    package="identity",
    settings=IdentitySettings,
    wire=wire,
    routers=ROUTERS,
    heard=HEARD,
    loops=[letters.decide_until_stopped],
    expired=lambda settings: {
        "users": f"status = 'awaiting_email' AND created_at < now() - interval '{settings.registration_hours} hours'",
        "phone_proofs": "expires_at < now() - interval '1 day'",
        "one_time_tokens": "created_at < now() - interval '7 days'",
        "letter_requests": "created_at < now() - interval '2 days'",
        "guesses": "guessed_at < now() - interval '1 day'",
        "sessions": "ended_at < now() - interval '1 day' OR created_at < now() - interval '91 days'",
        "devices": "seen_at < now() - interval '365 days'",
    },
)
