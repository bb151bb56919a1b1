"""The wiring of identity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from identity import letters, watching
from identity.api import ROUTERS
from identity.passwords import Passwords
from identity.reactions import HEARD
from identity.settings import IdentitySettings
from identity.wired import Wired
from shared.service import Kernel, Service


@asynccontextmanager
async def wire(kernel: Kernel) -> AsyncIterator[Wired]:
    settings: IdentitySettings = kernel.settings
    passwords = Passwords(settings.hashes_at_once, retailer_names=settings.retailer_names)
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
    useful=watching.checks,
    measure=watching.measure,
    expired=lambda settings: {
        "users": f"status = 'awaiting_email' AND created_at < now() - interval '{settings.registration_hours} hours'",
        "phone_proofs": "expires_at < now() - interval '1 day'",
        # The address beside a link goes with it; recovery letters are counted over the last hour.
        "one_time_tokens": "expires_at < now() - interval '1 day'",
        "letter_requests": "created_at < now() - interval '2 days'",
        "guesses": "guessed_at < now() - interval '1 day'",
        "guess_counters": "last_at < now() - interval '1 day'"
        f" AND (in_a_row = 0 OR last_at < now() - interval '{settings.guesses_in_a_row_days} days')",
        "sessions": "ended_at < now() - interval '1 day'"
        f" OR last_seen_at < now() - interval '{settings.session_idle_days} days'"
        f" OR created_at < now() - interval '{settings.session_absolute_days} days'",
        "history_entries": f"kind = 'signed_in' AND at < now() - interval '{settings.sign_ins_kept_days} days'",
        "erasures": "completed_at < now() - interval '365 days'",
        "erasure_receipts": "received_at < now() - interval '365 days'"
        " AND NOT EXISTS (SELECT FROM erasures WHERE erasures.user_id = erasure_receipts.user_id)",
        "devices": "seen_at < now() - interval '365 days'",
    },
)
