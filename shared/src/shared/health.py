"""Health: `/livez` without I/O, `/readyz` that names what is missing or degraded, `/metrics`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], Awaitable[None]]
"""Raises, or does not return within two seconds, where the named thing is away."""

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/metrics")
async def scrape(request: Request) -> Response:
    await request.app.state.measure()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """503 only where HTTP cannot be answered; a broker that is down is `degraded` in a 200."""
    needed: dict[str, Check] = request.app.state.needed
    useful: dict[str, Check] = request.app.state.useful
    names = [*needed, *useful]
    problems = dict(
        zip(
            names,
            await asyncio.gather(*(_ask(check) for check in (needed | useful).values())),
            strict=True,
        )
    )
    missing = {name: problems[name] for name in needed if problems[name]}
    degraded = {name: problems[name] for name in useful if problems[name]}
    body: dict[str, Any] = {"status": "unavailable" if missing else "degraded" if degraded else "ready"}
    body |= {key: value for key, value in (("missing", missing), ("degraded", degraded)) if value}
    return JSONResponse(body, 503 if missing else 200, {"Retry-After": "5"} if missing else None)


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(2):
            await check()
    except Exception as problem:  # whatever is wrong with it, readiness must be answered
        return str(problem) if isinstance(problem, NotReady) else type(problem).__name__
    return None


class NotReady(Exception):
    """Says in its text what is not as it must be."""
