"""What the notifier answers over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from notifier import feedback, own_list, sms_receipts
from shared.bearer import Caller
from shared.client import address_of, counted_as
from shared.idempotency import IDEMPOTENT, answered, known_answer
from shared.languages import preferred
from shared.routes import router as checked_router

router = checked_router(prefix="/v1")
MAX_RECEIPT_BYTES = 4096
RECEIPT = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["message_id", "status"]}},
            "application/x-www-form-urlencoded": {"schema": {"type": "object", "required": ["reference", "status"]}},
        },
    }
}


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
        client = counted_as(address_of(request))
        reference = await feedback.receive(session, form, client, locale, request.app.state.wired.feedback)
        return await answered(session, request, 202, {"reference": reference})


@router.post("/sms-receipts/{provider}", status_code=204, openapi_extra=RECEIPT)
async def post_sms_receipt(
    request: Request, provider: str, x_signature: Annotated[str, Header(max_length=200)] = ""
) -> Response:
    """What a provider says of an SMS that it took: JSON `{message_id, status}` or a form `reference=…&status=…`.

    `X-Signature: t=<seconds>,v1=<hex>` holds the HMAC-SHA-256, under the shared secret, of the time, a point and the
    body; it is good for five minutes. A status other than `delivered` and `undelivered` is taken and not kept.
    """
    body = await limited(request, MAX_RECEIPT_BYTES)
    async with request.app.state.database.transaction() as session:
        await sms_receipts.receive(session, provider, request.app.state.wired.receipt_secrets, x_signature, body)
    return Response(status_code=204)


async def limited(request: Request, most: int) -> bytes:
    """The body as it was signed; 413 where it is longer."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise sms_receipts.ReceiptTooLarge
    return body


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
