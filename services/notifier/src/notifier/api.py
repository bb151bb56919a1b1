"""What the notifier answers over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from notifier import feedback, own_list
from shared.bearer import Caller
from shared.idempotency import IDEMPOTENT, answered, known_answer
from shared.languages import preferred
from shared.routes import router as checked_router

router = checked_router(prefix="/v1")


class FeedbackBody(BaseModel):
    """`topic` is registration, login, linking or other; at most 100 characters of name, 4,000 of message."""

    model_config = ConfigDict(extra="forbid")

    name: str
    reply_to: str
    topic: str
    message: str
    account_number: str | None = None
    phone: str | None = None


class Reference(BaseModel):
    reference: str = Field(examples=["4K7-2QX"])


@router.post("/feedback", status_code=202, response_model=Reference, dependencies=[IDEMPOTENT])
async def post_feedback(request: Request, body: FeedbackBody) -> Response:
    """Write to support. Takes an `Idempotency-Key`. No login needed."""
    locale = preferred(request.headers.get("accept-language"))
    async with request.app.state.database.transaction() as session:
        if (known := await known_answer(session, request)) is not None:
            return known
        form = feedback.Form(**body.model_dump())
        reference = await feedback.receive(session, form, locale, request.app.state.wired.feedback)
        return await answered(session, request, 202, {"reference": reference})


class NotificationItem(BaseModel):
    id: UUID
    kind: str
    channel: Literal["email", "sms"]
    address: str | None
    """Masked; null while it is not known yet."""
    status: Literal["queued", "waiting", "sent", "failed", "unknown", "expired"]
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    """When it got its last status; null while it is queued or waiting."""


class NotificationList(BaseModel):
    items: list[NotificationItem]
    next_cursor: str | None


@router.get("/notifications")
async def get_notifications(
    request: Request,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> NotificationList:
    """What was sent to the caller, newest first; never the content of a code or link."""
    async with request.app.state.database.transaction() as session:
        rows, next_cursor = await own_list.own(session, caller.user_id, limit, cursor)
    return NotificationList(items=[NotificationItem(**row) for row in rows], next_cursor=next_cursor)
