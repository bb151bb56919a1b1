"""The wiring of billing-link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from billing_link import api, watching
from billing_link.reactions import HEARD
from billing_link.settings import BillingLinkSettings
from billing_link.tidying import keep_tidy
from billing_link.waiting import Waiting
from billing_link.wired import Wired
from shared.service import Kernel, Service


class Guarded(Service):
    """A service whose guesses are watched too: by readiness and by the metrics."""

    def app(self, kernel: Kernel, wired: Any) -> FastAPI:
        app = super().app(kernel, wired)
        app.state.useful = {**app.state.useful, **watching.checks(wired)}
        kernels = app.state.measure

        async def measure() -> None:
            await kernels()
            with suppress(SQLAlchemyError, OSError, TimeoutError):  # as the kernel: the process's own figures are told
                async with asyncio.timeout(2):
                    await watching.measure(wired)

        app.state.measure = measure
        return app


@asynccontextmanager
async def wire(kernel: Kernel) -> AsyncIterator[Wired]:
    waiting = Waiting(kernel.database)
    try:
        yield Wired(kernel.settings, kernel.database, waiting)
    finally:
        await waiting.close()


async def tidying(wired: Wired, stop: asyncio.Event) -> None:
    await keep_tidy(wired.database, wired.settings, stop)


service = Guarded(
    package="billing_link",
    settings=BillingLinkSettings,
    wire=wire,
    routers=api.ROUTERS,
    heard=HEARD,
    loops=[tidying],
)
