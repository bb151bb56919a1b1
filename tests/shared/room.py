"""An HTTP service that exists only in tests: one route for each thing that the kernel does for a route."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text

from shared.bearer import Caller, Who
from shared.client import address_of, counted_as
from shared.idempotency import answered, known_answer
from shared.problems import NotFound
from shared.refusals import InvalidFields, Refusal
from shared.routes import router
from shared.service import Kernel, Service
from verification.settings import VerificationSettings

routes = router(prefix="/v1", tags=["room"])
CANARY = "canary-in-a-bug"


class NoteTaken(Refusal):
    status = 409
    code = "note-taken"
    detail = "There is nothing here."  # a msgid that the kernel's catalogue has


class TitleTooShort(Refusal):
    code = "title-too-short"
    field = "title"
    detail = "This field is required."


class SizeWrong(Refusal):
    code = "size-wrong"
    field = "size"
    detail = "This value is not of the expected form."


class TooMuch(Refusal):
    status = 429
    code = "too-much"
    detail = "Too many requests. Try again later."


class NoteBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(max_length=20)
    size: int = 0


@routes.get("/notes")
async def listed(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> dict[str, int]:
    return {"limit": limit}


@routes.post("/notes", status_code=201)
async def made(body: NoteBody) -> dict[str, Any]:
    match body.title:
        case "short":
            raise TitleTooShort
        case "both":
            raise InvalidFields(TitleTooShort(), SizeWrong(least=3))
        case "taken":
            raise NoteTaken(owner="somebody")
        case "much":
            raise TooMuch(retry_after=17)
        case "gone":
            raise NotFound
        case "bug":
            raise ValueError(CANARY)
        case "slow":
            await asyncio.Event().wait()
    return {"title": body.title}


@routes.get("/mine")
async def mine(caller: Caller) -> dict[str, UUID]:
    return {"user_id": caller.user_id, "session_id": caller.session_id}


@routes.put("/mine")
async def changed(caller: Caller, body: NoteBody) -> dict[str, str]:
    return {"title": body.title}


def in_two_steps(caller: Caller) -> Who:
    return caller


@routes.get("/deep")
async def deep(caller: Annotated[Who, Depends(in_two_steps)]) -> dict[str, UUID]:
    return {"user_id": caller.user_id}


@routes.get("/address")
async def address(request: Request) -> dict[str, str]:
    return {"address": counted_as(address_of(request))}


@routes.get("/waits")
async def waits(wait: int = 0) -> dict[str, int]:
    return {"wait": wait}


@routes.post("/effects", status_code=201)
async def effect(request: Request, body: NoteBody, caller: Caller) -> Response:
    async with request.app.state.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
        if body.title == "fails":
            raise NoteTaken
        number = (
            await session.execute(text("INSERT INTO effects (name) VALUES (:name) RETURNING id"), _name(body))
        ).scalar()
        if body.title == "waits":
            await request.app.state.wired.wait()
        return await answered(session, request, 201, {"number": number}, {"Location": f"/v1/effects/{number}"})


@routes.post("/anonymous", status_code=201)
async def anonymous(request: Request, body: NoteBody) -> Response:
    async with request.app.state.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
        await session.execute(text("INSERT INTO effects (name) VALUES (:name)"), _name(body))
        return await answered(session, request, 201, {"title": body.title})


def _name(body: NoteBody) -> dict[str, str]:
    return {"name": body.title}


@asynccontextmanager
async def wire(_kernel: Kernel) -> AsyncIterator[asyncio.Event]:
    """What the routes work with is one event, which lets the route that waits go on."""
    yield asyncio.Event()


room = Service(package="verification", settings=VerificationSettings, wire=wire, routers=[routes])
"""It borrows verification's database and keys: the kernel's tables are in each."""
