"""The HTTP application that every service starts from."""

import re
import time
from collections.abc import Sequence
from secrets import token_hex
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import context, health, metrics, telemetry
from shared.languages import preferred
from shared.logging import logger
from shared.problems import METHODS, PROBLEM, Renderer, install
from shared.refusals import is_away
from shared.settings import HttpSettings

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
_log = logger(__name__)


def create_app(
    settings: HttpSettings, package: str, routers: Sequence[APIRouter], renderer: Renderer | None = None, **state: Any
) -> FastAPI:
    """`state` is what endpoints and kernel find in `request.app.state`.

    `needed` and `useful` are checks of readiness, `measure` brings the gauges up to date, `is_transient` tells a server
    that is away from a bug.
    """
    app = FastAPI(
        title=f"Kabinet {settings.service}",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"default": PROBLEM, 422: PROBLEM},
        telemetry={
            "logs": False,
            "tracing": settings.otlp_endpoint is not None,
            "metrics": False,
            "operation_spans": False,
            "exclude": lambda scope: scope.get("path") in _QUIET,
        },
    )
    app.state.settings = settings
    app.state.needed, app.state.useful = {}, {}
    app.state.measure, app.state.is_transient = _nothing_to_measure, is_away
    for name, value in state.items():
        setattr(app.state, name, value)
    renderer = renderer or Renderer(package)
    install(app, renderer)
    for router in (health.router, *routers):
        app.include_router(router)
    app.add_middleware(Observed, renderer=renderer)
    return app


async def _nothing_to_measure() -> None:
    pass


class Observed:
    """Takes over or makes the request's id and trace, names them in the answer and in one log line; answers bugs."""

    def __init__(self, app: ASGIApp, renderer: Renderer) -> None:
        self._app = app
        self._renderer = renderer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        request_id = _taken(headers.get("x-request-id"), _REQUEST_ID) or token_hex(16)
        given = _taken(headers.get("traceparent"), _TRACEPARENT)
        trace = telemetry.begun_by(given)
        context.traceparent.set(trace)
        context.locale.set(preferred(headers.get("accept-language")))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.perf_counter(), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                answer["X-Request-Id"], answer["traceparent"] = request_id, given or trace
                answer.setdefault("Cache-Control", "no-store")
                answer["X-Content-Type-Options"] = "nosniff"
            await send(message)

        metrics.in_flight.inc()
        try:
            await self._app(scope, receive, named)
        except ClientDisconnect:
            status = status or 499  # nobody is there to be answered
        except Exception as problem:  # the one place where what nobody expected becomes a 500
            answer = self._renderer.failure(Request(scope), problem)
            if not status:
                await answer(scope, receive, named)
        finally:
            metrics.in_flight.dec()
            self._told(scope, status, time.perf_counter() - started)

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = getattr(scope.get("route"), "path", "unrouted")
        metrics.requests.labels(method, route, status).observe(seconds)
        if route not in _QUIET:
            _log.info("request_answered", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def _taken(value: str | None, form: re.Pattern[str]) -> str | None:
    return value if value is not None and form.fullmatch(value) else None
