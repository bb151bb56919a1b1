"""Health: `/livez` without I/O, `/readyz` that names what is missing or degraded, `/metrics`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared import metrics

Check = Callable[[], Awaitable[None]]
"""Raises, or does not return within two seconds, where the named thing is away."""

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/metrics")
async def scrape(request: Request) -> Response:
    await asyncio.gather(request.app.state.measure(), _problems(request.app))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """503 only where HTTP cannot be answered; a broker that is down is `degraded` in a 200."""
    missing, degraded = await _problems(request.app)
    body: dict[str, Any] = {"status": "unavailable" if missing else "degraded" if degraded else "ready"}
    body |= {key: value for key, value in (("missing", missing), ("degraded", degraded)) if value}
    return JSONResponse(body, 503 if missing else 200, {"Retry-After": "5"} if missing else None)


async def _problems(app: FastAPI) -> tuple[dict[str, str], dict[str, str]]:
    """What is wrong with what is needed and with what is useful; told by the gauges too, so that one may be alarmed."""
    levels: dict[str, dict[str, Check]] = {"needed": app.state.needed, "useful": app.state.useful}
    asked = [(level, name, check) for level, checks in levels.items() for name, check in checks.items()]
    answers = await asyncio.gather(*(_ask(check) for _, _, check in asked))
    found: dict[str, dict[str, str]] = {level: {} for level in levels}
    for (level, name, _), problem in zip(asked, answers, strict=True):
        metrics.ready.labels(name, level).set(problem is None)
        if problem is not None:
            found[level][name] = problem
    return found["needed"], found["useful"]


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(2):
            await check()
    except Exception as problem:  # whatever is wrong with it, readiness must be answered
        return str(problem) if isinstance(problem, NotReady) else type(problem).__name__
    return None


class NotReady(Exception):
    """Says in its text what is not as it must be."""
