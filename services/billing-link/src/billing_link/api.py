"""The HTTP doors: `/v1/link-requests` and `/v1/accounts`."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict

from billing_link import accounts, linking, rules
from billing_link.tables import LinkRequest
from billing_link.wired import Wired
from shared.bearer import Caller
from shared.client import address_of, counted_as
from shared.idempotency import IDEMPOTENT, answered, known_answer
from shared.refusals import InvalidFields, Refusal
from shared.routes import router

routes = router(prefix="/v1")


class AskedLink(BaseModel):
    """`amount` is text, `1234.00` or `1234,00`: a number would lose the kopecks that prove it."""

    model_config = ConfigDict(extra="forbid")

    account_number: str
    amount: str


class NewAlias(BaseModel):
    model_config = ConfigDict(extra="forbid")

    alias: str


class ShownRequest(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    account_number: str
    status: Literal["pending", "linked", "refused"]
    refusal: Literal["not-confirmed", "try-later"] | None
    created_at: datetime
    decided_at: datetime | None


class ShownRequests(BaseModel):
    items: list[ShownRequest]
    next_cursor: UUID | None


class ShownAccount(BaseModel):
    """`address` is masked; `closed_on` is the day on which its contract ended or will."""

    model_config = ConfigDict(from_attributes=True)

    account_number: str
    alias: str
    address: str
    origin: Literal["amount", "migrated", "support"]
    linked_at: datetime
    closed_on: date | None


class ShownAccounts(BaseModel):
    items: list[ShownAccount]


@routes.post("/link-requests", status_code=202, response_model=ShownRequest, dependencies=[IDEMPOTENT])
async def ask_for_link(request: Request, caller: Caller, body: AskedLink) -> Response:
    """Ask for an account by its number and the amount of a recent electricity payment; the check follows."""
    number, kopecks = _read(body)
    wired: Wired = request.app.state.wired
    address_key = request.app.state.private_keys.hmac("client address", counted_as(address_of(request))).hex()
    async with wired.database.transaction() as session:
        if (known := await known_answer(session, request)) is not None:
            return known
        asked = await linking.request_link(session, caller.user_id, number, kopecks, address_key, wired.settings)
        location = {"Location": f"/v1/link-requests/{asked.id}"}
        return await answered(session, request, 202, ShownRequest.model_validate(asked), location)


def _read(body: AskedLink) -> tuple[str, int]:
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


@routes.get("/link-requests/{request_id:uuid}")
async def show_link_request(
    request: Request, caller: Caller, request_id: UUID, wait: Annotated[float, Query(ge=0, le=20)] = 0
) -> ShownRequest:
    """The request; with `?wait` the answer comes as soon as it is decided, at the latest after so many seconds."""
    wired: Wired = request.app.state.wired
    found = await _own_request(wired, caller.user_id, request_id)
    if found.status == "pending" and wait:
        await wired.waiting.until_decided(request_id, wait)
        found = await _own_request(wired, caller.user_id, request_id)
    return ShownRequest.model_validate(found)


async def _own_request(wired: Wired, user_id: UUID, request_id: UUID) -> LinkRequest:
    async with wired.database.transaction() as session:
        return await linking.own_request(session, user_id, request_id)


@routes.get("/link-requests")
async def list_link_requests(
    request: Request,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: UUID | None = None,
) -> ShownRequests:
    """The caller's requests, newest first."""
    wired: Wired = request.app.state.wired
    async with wired.database.transaction() as session:
        found = await linking.own_requests(session, caller.user_id, limit + 1, cursor)
    shown = [ShownRequest.model_validate(one) for one in found[:limit]]
    return ShownRequests(items=shown, next_cursor=shown[-1].id if len(found) > limit else None)


@routes.get("/accounts")
async def list_accounts(request: Request, caller: Caller) -> ShownAccounts:
    """The accounts that the caller holds, in the order in which they came."""
    wired: Wired = request.app.state.wired
    async with wired.database.transaction() as session:
        held = await accounts.held_accounts(session, caller.user_id)
    return ShownAccounts(items=[ShownAccount.model_validate(one) for one in held])


@routes.patch("/accounts/{account_number}")
async def rename_account(request: Request, caller: Caller, account_number: str, body: NewAlias) -> ShownAccount:
    """Name an account; nobody but the caller sees the name. An empty one takes it away."""
    wired: Wired = request.app.state.wired
    alias = rules.alias(body.alias)
    async with wired.database.transaction() as session:
        return ShownAccount.model_validate(await accounts.rename(session, caller.user_id, account_number, alias))


@routes.delete("/accounts/{account_number}", status_code=204)
async def remove_account(request: Request, caller: Caller, account_number: str) -> None:
    """Take the account out of the caller's cabinet; it can be asked for again."""
    wired: Wired = request.app.state.wired
    async with wired.database.transaction() as session:
        await accounts.let_go(session, caller.user_id, account_number)
