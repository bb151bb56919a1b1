"""The worker: relay, consumer, housekeeping and a service's own loops, beside HTTP or its health alone."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shared import housekeeping, readiness, topics
from shared.complaints import CannotGoOn
from shared.consumer import Consumer
from shared.delivering import Reader
from shared.inbox import hearing
from shared.logging import logger
from shared.relay import Relay
from shared.service import Kernel, Service
from shared.serving import run_until_stopped, serve_http
from shared.settings import ServiceSettings, variable
from shared.topics import Retention, Topic, Unfit
from shared.topics_watch import TopicsWatch

STUCK_SECONDS = 60.0
WATCH_SECONDS = 5.0

_log = logger(__name__)


@dataclass(frozen=True)
class Rules:
    """What deploy/topics.yaml means for one service."""

    retention: Retention
    topics: Sequence[Topic]
    """Those that it reads or writes."""

    @classmethod
    def of(cls, service: Service, settings: ServiceSettings) -> "Rules":
        """`CannotGoOn` where the file would break a promise."""
        reads = {entry.event.topic for entry in service.heard}
        try:
            listed = topics.read(settings.topics_file)
            kept = topics.retention(listed, settings.service, reads)
        except Unfit as problem:
            named = f"{variable(type(settings), 'topics_file')}={settings.topics_file}"
            raise CannotGoOn(f"{named}: {problem}") from None
        return cls(kept, [listed.topics[name] for name in sorted(reads | {f"{settings.service}.events"})])


def worker_tasks(
    service: Service, kernel: Kernel, wired: Any, retention: Retention, member: str, stop: asyncio.Event
) -> list[Coroutine[Any, Any, None]]:
    settings: ServiceSettings = kernel.settings
    reader = Reader(
        kernel.database, hearing(service.heard), wired, settings.dead_letter_tries, settings.dead_letters_limit
    )
    consumer = Consumer(reader, kernel.broker, stop, settings.consumer_batch_records, member)
    _watch(consumer)
    return [
        Relay(kernel.database, kernel.broker, stop).run(),
        consumer.run(),
        readiness.tell_of_broker(kernel.broker, stop),
        housekeeping.run(kernel.database, retention, service.expired(settings), stop),
        *(loop(wired, stop) for loop in service.loops),
    ]


async def run(service: Service, settings: ServiceSettings, *, http: bool, work: bool) -> None:
    """`api` is `http`, `worker` is `work`, `serve` is both."""
    rules, stop = Rules.of(service, settings), asyncio.Event()
    async with service.opened(settings) as (kernel, wired):
        app = service.app(kernel, wired) if http else service.worker_app(kernel, wired)
        port = settings.http_port if http else settings.worker_port or settings.http_port + 1000
        tasks: list[Coroutine[Any, Any, None]] = []
        if work:
            watch = TopicsWatch(kernel.broker, rules.topics, stop)
            app.state.useful = {**app.state.useful, "topics": watch.check}
            member = f"{settings.service}-{socket.gethostname()}-{port}"
            tasks = [*worker_tasks(service, kernel, wired, rules.retention, member, stop), watch.run()]
        _log.info("starting", http=http, work=work, port=port)
        await run_until_stopped([serve_http(app, settings.http_host, port, stop), *tasks], stop)


def _watch(consumer: Consumer) -> None:
    """End the process when records wait and nothing moves for a minute, or its event loop hangs: it is started again.

    A thread, since a loop that hangs cannot watch itself; aiokafka has ways to wait for ever.
    """

    def watch() -> None:
        while True:
            time.sleep(WATCH_SECONDS)
            if time.monotonic() - consumer.moved_at > STUCK_SECONDS and consumer.connected:
                _log.critical("consumer_stuck", seconds=STUCK_SECONDS)
                with suppress(Exception):
                    os._exit(70)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
