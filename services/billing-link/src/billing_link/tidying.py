"""Tidying: requests that nobody could decide are given up; attempts and payments that count no more are forgotten."""

import asyncio
import time

from billing_link.attempts import forget_old
from billing_link.forgetting import forget_payments
from billing_link.linking import give_up_undecided
from billing_link.settings import BillingLinkSettings
from shared.database import Database
from shared.delivering import is_transient
from shared.logging import logger
from shared.stopping import any_of

PERIOD_SECONDS = 60.0
FORGETTING_SECONDS = 86_400.0
BATCH = 100
_log = logger(__name__)


async def tidy(database: Database, settings: BillingLinkSettings) -> None:
    async with database.transaction() as session:
        await forget_old(session, settings)
    given_up = BATCH
    while given_up == BATCH:
        async with database.transaction() as session:
            given_up = await give_up_undecided(session, BATCH)
        if given_up:
            _log.warning("link_requests_given_up", count=given_up)


async def keep_tidy(database: Database, settings: BillingLinkSettings, stop: asyncio.Event) -> None:
    """Tidy once a minute, and payments once a day, until `stop`; a database that is away is waited for."""
    forgotten = -FORGETTING_SECONDS
    while not stop.is_set():
        try:
            await tidy(database, settings)
            if time.monotonic() - forgotten >= FORGETTING_SECONDS:
                gone = await forget_payments(database, settings.payments_retention_days)
                forgotten = time.monotonic()
                _log.info("payments_forgotten", count=gone)
        except Exception as problem:
            if not is_transient(problem):
                raise
            _log.warning("tidying_failed", cause=type(problem).__name__)
        await any_of(PERIOD_SECONDS, stop)
