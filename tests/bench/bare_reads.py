"""The bare limit of a read over HTTP, as a program: FastAPI and one asyncpg select, and nothing else."""

import asyncio
import os
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from fastapi import FastAPI, Request

from shared.serving import serve_http

app = FastAPI(telemetry={"logs": False, "tracing": False, "metrics": False})


@app.get("/users/{user_id}")
async def user(user_id: UUID, request: Request) -> dict[str, Any]:
    statement = "SELECT id, login, email, phone, locale, created_at, origin FROM users WHERE id = $1"
    return dict(await request.app.state.pool.fetchrow(statement, user_id))


async def main() -> None:
    app.state.pool = await asyncpg.create_pool(os.environ["BARE_DATABASE_URL"], min_size=10, max_size=10)
    await serve_http(app, "127.0.0.1", int(os.environ["BARE_PORT"]), asyncio.Event())


if __name__ == "__main__":
    uvloop.run(main())
