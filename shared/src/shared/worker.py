"""Running: HTTP, relay, consumer and a service's own loops until SIGTERM, then out within ten seconds."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI

from shared import housekeeping
from shared.consumer import Consumer
from shared.delivering import Reader
from shared.inbox import hearing
from shared.logging import logger
from shared.relay import Relay
from shared.service import Kernel, Service
from shared.settings import HttpSettings, ServiceSettings

GRACE_SECONDS = 6.0
STUCK_SECONDS = 60.0

_log = logger(__name__)


class PortTaken(Exception):
    """The address on which HTTP was to be answered cannot be had."""


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: the program has one place that hears SIGTERM."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(app: FastAPI, host: str, port: int, stop: asyncio.Event) -> None:
    config = uvicorn.Config(
        app,
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=512,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=5,
    )
    try:
        bound = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as problem:
        raise PortTaken(f"{host}:{port} cannot be listened on: {problem.strerror}") from None
    server = Server(config)
    serving = asyncio.create_task(server.serve([bound]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


def worker_tasks(service: Service, kernel: Kernel, wired: Any, stop: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
    settings: ServiceSettings = kernel.settings
    reader = Reader(kernel.database, hearing(service.heard), wired, settings.dead_letter_tries)
    consumer = Consumer(reader, settings.kafka_bootstrap_servers, stop, settings.consumer_batch_records)
    _watch(consumer)
    return [
        Relay(kernel.database, settings.kafka_bootstrap_servers, stop).run(),
        consumer.run(),
        housekeeping.run(kernel.database, settings, service.expired(settings), stop),
        *(loop(wired, stop) for loop in service.loops),
    ]


async def run_until_stopped(tasks: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run them all; the first that fails, or SIGTERM or SIGINT, stops the others; what lingers is cancelled."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    running = [asyncio.create_task(task) for task in tasks]
    for task in running:
        task.add_done_callback(lambda _: stop.set())
    await stop.wait()
    _log.info("stopping")
    _done, lingering = await asyncio.wait(running, timeout=GRACE_SECONDS)
    for task in lingering:
        task.cancel()
    if lingering:
        await asyncio.wait(lingering, timeout=2)
    for task in running:
        if task.done() and not task.cancelled() and (problem := task.exception()) is not None:
            raise problem
    _log.info("stopped")


async def run(service: Service, settings: ServiceSettings, *, http: bool, work: bool) -> None:
    """`api` is `http`, `worker` is `work`, `serve` is both."""
    stop = asyncio.Event()
    async with service.opened(settings) as (kernel, wired):
        tasks = worker_tasks(service, kernel, wired, stop) if work else []
        app = service.app(kernel, wired) if http else service.worker_app(kernel)
        port = settings.http_port if http else settings.worker_port or settings.http_port + 1000
        _log.info("starting", http=http, work=work, port=port)
        await run_until_stopped([serve_http(app, settings.http_host, port, stop), *tasks], stop)


async def run_http_only(app: FastAPI, settings: HttpSettings) -> None:
    """A program without a database and events: the portal."""
    stop = asyncio.Event()
    await run_until_stopped([serve_http(app, settings.http_host, settings.http_port, stop)], stop)


def _watch(consumer: Consumer) -> None:
    """End the process when records wait and nothing moves for a minute, or its event loop hangs: it is started again.

    A thread, since a loop that hangs cannot watch itself; aiokafka has ways to wait for ever.
    """

    def watch() -> None:
        while True:
            time.sleep(5)
            if time.monotonic() - consumer.moved_at > STUCK_SECONDS and consumer.connected:
                _log.critical("consumer_stuck", seconds=STUCK_SECONDS)
                with suppress(Exception):
                    os._exit(70)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
