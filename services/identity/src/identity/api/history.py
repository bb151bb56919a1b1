"""`/v1/me/history` and `/v1/me/erasures`."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from identity import erasing, history, reauthenticating, rules
from identity.api.documented import REAUTHENTICATED
from identity.api.doors import ID, Body, Doors, Password, counted_address, routes_of
from identity.history import Kind
from shared.bearer import Caller
from shared.documented import KEYED, SIGNED_IN, problems
from shared.idempotency import IDEMPOTENT, answered, known_answer

routes = routes_of(prefix="/v1/me", tags=["me"])


class Entry(BaseModel):
    id: UUID = Field(examples=[ID])
    kind: Kind = Field(description="new kinds may come", examples=["signed_in"])
    details: dict[str, str] = Field(
        description="what is worth knowing of it; contacts are masked", examples=[{"address": "203.0.113.7"}]
    )
    at: datetime = Field(examples=["2026-11-25T09:00:00.125000Z"])


class Entries(BaseModel):
    items: list[Entry]
    next_cursor: str | None = Field(description="null at the end of the list", examples=["AZrD8m0efEGfCjobXH2eEQ"])


class ErasureBody(Body):
    current_password: Password


class ErasureAnswer(BaseModel):
    id: UUID = Field(description="what support finds the erasure by", examples=[ID])


@routes.get(
    "/history",
    response_model=Entries,
    responses=problems(*SIGNED_IN, rules.CursorInvalid, query="limit"),
)
async def get_history(
    caller: Caller,
    doors: Doors,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> Any:
    """The caller's sign-ins, changes and consents, newest first."""
    async with doors.database.transaction() as session:
        rows, next_cursor = await history.own(session, caller.user_id, limit, cursor)
    return {"items": rows, "next_cursor": next_cursor}


@routes.post(
    "/erasures",
    status_code=202,
    response_model=ErasureAnswer,
    dependencies=[IDEMPOTENT],
    responses=problems(*SIGNED_IN, *REAUTHENTICATED, *KEYED, body="current_password"),
)
async def erase(request: Request, body: ErasureBody, caller: Caller, doors: Doors) -> Response:
    """Erase the caller, here at once and in every service within a day; every session ends with it."""
    proven = await reauthenticating.prove(caller, body.current_password, counted_address(request), doors)
    async with doors.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
        user = await reauthenticating.held(session, proven)
        erasure_id = await erasing.erase(session, user, doors)
        return await answered(session, request, 202, {"id": erasure_id})
