"""Tidying: requests that nobody could decide are given up, attempts that no limit counts any more are forgotten."""

import asyncio

from billing_link.attempts import forget_old
from billing_link.linking import give_up_undecided
from billing_link.settings import BillingLinkSettings
from shared.database import Database
from shared.delivering import is_transient
from shared.logging import logger
from shared.stopping import any_of

PERIOD_SECONDS = 60.0
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
    """Tidy once a minute until `stop`; a database that is away is waited for."""
    while not stop.is_set():
        try:
            await tidy(database, settings)
        except Exception as problem:
            if not is_transient(problem):
                raise
            _log.warning("tidying_failed", cause=type(problem).__name__)
        await any_of(PERIOD_SECONDS, stop)
