"""Health: `/livez` without I/O, `/readyz` that names what is missing or degraded, `/metrics`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from shared import metrics
from shared.database import Database, Schema
from shared.dead_letters import count_waiting
from shared.outbox import backlog

LAG_SECONDS = 60
Check = Callable[[], Awaitable[None]]
"""Raises, or does not return within a second, where the named thing is away."""

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/metrics")
async def scrape(request: Request) -> Response:
    database: Database | None = getattr(request.app.state, "database", None)
    if database is not None:
        try:
            async with asyncio.timeout(2), database.transaction() as session:
                waiting, refused = await backlog(session)
                metrics.outbox_waiting.set(waiting)
                metrics.outbox_refused.set(refused)
                metrics.dead_letters.set(await count_waiting(session))
        except Exception:  # the process's own figures are told also while the database is away
            metrics.outbox_waiting.set(float("nan"))
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


def database_check(database: Database, schema: Schema) -> Check:
    async def check() -> None:
        async with database.transaction() as session:
            if not await schema.suits(session):
                raise NotReady("the schema is older than this release needs: run `migrate`")

    return check


def backlog_check(database: Database) -> Check:
    async def check() -> None:
        async with database.transaction() as session:
            oldest = (
                "SELECT extract(epoch FROM now() - created_at) FROM outbox WHERE sent_at IS NULL AND refused_at IS NULL"
            )
            age = (await session.execute(text(f"{oldest} ORDER BY id LIMIT 1"))).scalar()
            if age is not None and age > LAG_SECONDS:
                raise NotReady(f"the oldest unsent event is {int(age)} seconds old")
            if (refused := (await backlog(session))[1]) > 0:
                raise NotReady(f"{refused} events can never be sent and hold their keys")
            if letters := await count_waiting(session):
                raise NotReady(f"{letters} dead letters wait for a decision")

    return check


def broker_check(bootstrap_servers: str) -> Check:
    async def check() -> None:
        for server in bootstrap_servers.split(","):
            host, _, port = server.strip().rpartition(":")
            try:
                _reader, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 1)
            except OSError:
                continue
            writer.close()
            return
        raise NotReady("no broker answers")

    return check
