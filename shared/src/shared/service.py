"""A service as the kernel runs it: what it opens at start, what it answers, what it hears, what it does meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI

from shared import health, readiness
from shared.broker import Broker
from shared.database import Database, Schema
from shared.delivering import is_transient
from shared.http import create_app
from shared.inbox import Heard
from shared.keys import PrivateKeys, PublicKeys
from shared.settings import ServiceSettings


@dataclass(frozen=True)
class Kernel:
    """What every service has open while it runs."""

    settings: Any
    database: Database
    broker: Broker
    public_keys: PublicKeys
    private_keys: PrivateKeys


Loop = Callable[[Any, asyncio.Event], Coroutine[Any, Any, None]]
"""`await loop(wired, stop)`: a worker's own work beside relay and consumer, until `stop`."""


@dataclass(frozen=True)
class Service:
    """Written once, in a service's `main`; everything else is passed what it needs."""

    package: str
    settings: type[ServiceSettings]
    wire: Callable[[Kernel], AbstractAsyncContextManager[Any]]
    """Opens the service's doors and gives what its endpoints, reactions and loops work with."""
    routers: Sequence[APIRouter]
    heard: Sequence[Heard] = ()
    loops: Sequence[Loop] = ()
    expired: Callable[[Any], Mapping[str, str]] = field(default=lambda _settings: {})
    """Rows that housekeeping removes, by the settings: table and the condition under which a row is done with."""
    needed: Callable[[Any], Mapping[str, health.Check]] = field(default=lambda _wired: {})
    """What HTTP cannot be answered without, beside the database."""
    useful: Callable[[Any], Mapping[str, health.Check]] = field(default=lambda _wired: {})
    """What readiness names as degraded in a 200, beside the kernel's own."""
    measure: Callable[[Any], Awaitable[None]] | None = None
    """Brings the service's own gauges up to date before they are read; within two seconds, and it may fail."""

    @asynccontextmanager
    async def opened(self, settings: ServiceSettings) -> AsyncIterator[tuple[Kernel, Any]]:
        public_keys = PublicKeys(settings.public_keys_file)
        database = Database(settings, public_keys)
        kernel = Kernel(settings, database, Broker.of(settings), public_keys, PrivateKeys(settings.private_keys_file))
        try:
            async with self.wire(kernel) as wired:
                yield kernel, wired
        finally:
            await database.close()

    def app(self, kernel: Kernel, wired: Any) -> FastAPI:
        needed = {
            "database": readiness.database_check(kernel.database, Schema.of(self.package)),
            **self.needed(wired),
        }
        return create_app(
            kernel.settings,
            self.package,
            self.routers,
            database=kernel.database,
            public_keys=kernel.public_keys,
            private_keys=kernel.private_keys,
            wired=wired,
            needed=needed,
            **self._watched(kernel, wired),
        )

    def worker_app(self, kernel: Kernel, wired: Any) -> FastAPI:
        """Health and metrics of a separate worker."""
        needed = {"database": readiness.database_check(kernel.database, Schema.of(self.package))}
        return create_app(kernel.settings, self.package, (), needed=needed, **self._watched(kernel, wired))

    def _watched(self, kernel: Kernel, wired: Any) -> dict[str, Any]:
        useful = {
            "broker": readiness.broker_check(kernel.broker),
            "backlog": readiness.backlog_check(kernel.database),
            "dead_letters": readiness.letters_check(kernel.database, kernel.settings.dead_letters_limit),
            **self.useful(wired),
        }

        async def measure() -> None:
            await readiness.measure(kernel.database)
            if self.measure is not None:
                with suppress(Exception):  # the process's own figures are told also while the database is away
                    async with asyncio.timeout(2):
                        await self.measure(wired)

        return {"useful": useful, "measure": measure, "is_transient": is_transient}
