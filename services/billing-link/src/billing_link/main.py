"""The wiring of billing-link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from billing_link import api, watching
from billing_link.reactions import HEARD
from billing_link.settings import BillingLinkSettings
from billing_link.tidying import keep_tidy
from billing_link.waiting import Waiting
from billing_link.wired import Wired
from shared.service import Kernel, Service


@asynccontextmanager
async def wire(kernel: Kernel) -> AsyncIterator[Wired]:
    waiting = Waiting(kernel.database)
    try:
        yield Wired(kernel.settings, kernel.database, waiting)
    finally:
        await waiting.close()


async def tidying(wired: Wired, stop: asyncio.Event) -> None:
    await keep_tidy(wired.database, wired.settings, stop)


service = Service(
    package="billing_link",
    settings=BillingLinkSettings,
    wire=wire,
    routers=api.ROUTERS,
    heard=HEARD,
    loops=[tidying, watching.keep_bound],
    useful=watching.checks,
    measure=watching.measure,
)
