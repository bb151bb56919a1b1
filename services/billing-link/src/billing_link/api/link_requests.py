"""`/v1/link-requests`: asking for an account by the amount of a payment."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import Field

from billing_link import linking, rules
from billing_link.api.doors import ID, NUMBER, TIME, AccountNumber, Body, Doors, Shown
from billing_link.tables import LinkRequest
from billing_link.wired import Wired
from shared.bearer import Caller
from shared.client import address_of, counted_as
from shared.documented import KEYED, OWN, SIGNED_IN, problems
from shared.idempotency import IDEMPOTENT, answered, known_answer
from shared.refusals import InvalidFields, Refusal
from shared.routes import router

routes = router(prefix="/v1/link-requests", tags=["linking"])

ASKING = (
    rules.AccountNumberInvalid,
    rules.AmountInvalid,
    rules.AmountNeedsKopecks,
    rules.AmountZero,
    rules.AlreadyLinked,
    rules.LinkPending,
    rules.TooManyAccounts,
    rules.TooManyAttempts,
    rules.LinkingUnavailable,
)


class LinkRequestBody(Body):
    """`amount` is text, `1234.00` or `1234,00`: a number would lose the kopecks that prove it."""

    account_number: AccountNumber
    amount: str = Field(
        description="of an electricity payment of the last three months, in roubles, with its kopecks",
        examples=["1234.00", "1234,00"],
    )


class ShownRequest(Shown):
    id: UUID = Field(examples=[ID])
    account_number: str = Field(examples=[NUMBER])
    status: Literal["pending", "linked", "refused"]
    refusal: Literal["not-confirmed", "try-later"] | None = Field(
        description="`not-confirmed` for every reason, also where there is no such account;"
        " `try-later` if nothing could decide it for 72 hours"
    )
    created_at: datetime = Field(examples=[TIME])
    decided_at: datetime | None = Field(examples=[TIME])


class ShownRequests(Shown):
    items: list[ShownRequest]
    next_cursor: UUID | None = Field(description="null: these are the last", examples=[ID])


LOCATION = {"Location": {"description": "of the request", "schema": {"type": "string"}}}


@routes.post(
    "",
    status_code=202,
    response_model=ShownRequest,
    dependencies=[IDEMPOTENT],
    responses={
        202: {"headers": LOCATION},
        **problems(*SIGNED_IN, *KEYED, *ASKING, body="account_number", headers={"link-pending": LOCATION}),
    },
)
async def ask_for_link(request: Request, caller: Caller, doors: Doors, body: LinkRequestBody) -> Response:
    """Ask for an account by its number and the amount of a recent electricity payment; the check follows."""
    number, kopecks = _read(body)
    address_key = request.app.state.private_keys.hmac("client address", counted_as(address_of(request))).hex()
    async with doors.database.transaction() as session:
        if (known := await known_answer(session, request)) is not None:
            return known
        asked = await linking.request_link(session, caller.user_id, number, kopecks, address_key, doors.settings)
        location = {"Location": f"/v1/link-requests/{asked.id}"}
        return await answered(session, request, 202, ShownRequest.model_validate(asked), location)


def _read(body: LinkRequestBody) -> tuple[str, int]:
    """Number and kopecks, or every field that is wrong at once."""
    refused: list[Refusal] = []
    number, kopecks = "", 0
    try:
        number = rules.account_number(body.account_number)
    except Refusal as refusal:
        refused.append(refusal)
    try:
        kopecks = rules.typed_kopecks(body.amount)
    except Refusal as refusal:
        refused.append(refusal)
    if refused:
        raise InvalidFields(*refused)
    return number, kopecks


@routes.get("/{request_id:uuid}", responses=problems(*OWN, query="wait"))
async def show_link_request(
    caller: Caller,
    doors: Doors,
    request_id: UUID,
    wait: Annotated[float, Query(ge=0, le=20, description="seconds; answered as soon as it is decided")] = 0,
) -> ShownRequest:
    """The request; with `?wait` the answer comes as soon as it is decided, at the latest after so many seconds."""
    found = await _own_request(doors, caller.user_id, request_id)
    if found.status == "pending" and wait:
        await doors.waiting.until_decided(request_id, wait)
        found = await _own_request(doors, caller.user_id, request_id)
    return ShownRequest.model_validate(found)


async def _own_request(doors: Wired, user_id: UUID, request_id: UUID) -> LinkRequest:
    async with doors.database.transaction() as session:
        return await linking.own_request(session, user_id, request_id)


@routes.get("", responses=problems(*SIGNED_IN, query="limit"))
async def list_link_requests(
    caller: Caller,
    doors: Doors,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
) -> ShownRequests:
    """The caller's requests, newest first."""
    async with doors.database.transaction() as session:
        found = await linking.own_requests(session, caller.user_id, limit + 1, cursor)
    shown = [ShownRequest.model_validate(one) for one in found[:limit]]
    return ShownRequests(items=shown, next_cursor=shown[-1].id if len(found) > limit else None)
