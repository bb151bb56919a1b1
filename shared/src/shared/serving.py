"""Serving: uvicorn as one of a program's tasks, and the program's end at SIGTERM, within ten seconds."""

import asyncio
import signal
import socket
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from shared import failpoints, logging, telemetry
from shared.logging import logger
from shared.settings import HttpSettings

GRACE_SECONDS = 6.0

_log = logger(__name__)


def observe(settings: HttpSettings) -> None:
    """Logs, and traces where they are wanted: the first thing that a program does."""
    logging.configure(settings.service, settings.log_level)
    telemetry.configure(settings.service, settings.otlp_endpoint, settings.otlp_ratio)
    failpoints.arm(settings.fail_points)


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


async def run_http_only(app: FastAPI, settings: HttpSettings) -> None:
    """A program without a database and events: the portal."""
    stop = asyncio.Event()
    await run_until_stopped([serve_http(app, settings.http_host, settings.http_port, stop)], stop)
