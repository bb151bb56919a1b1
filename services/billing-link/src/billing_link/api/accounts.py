"""`/v1/accounts`: the accounts that the caller holds."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from billing_link import accounts, rules
from billing_link.api.doors import NUMBER, TIME, Body, Doors, Shown
from shared.bearer import Caller
from shared.documented import OWN, SIGNED_IN, problems
from shared.routes import router

routes = router(prefix="/v1/accounts", tags=["accounts"])


class AliasBody(Body):
    alias: str = Field(description="at most 40 characters; empty takes it away", examples=["Дача"])


class ShownAccount(Shown):
    account_number: str = Field(examples=[NUMBER])
    alias: str = Field(examples=["Дача"])
    address: str = Field(description="masked", examples=["г. Тверь, ул. Сад…, д. …"])
    origin: Literal["amount", "migrated", "support"]
    linked_at: datetime = Field(examples=[TIME])
    closed_on: date | None = Field(description="the day on which its contract ended or will", examples=["2026-11-30"])


class ShownAccounts(Shown):
    items: list[ShownAccount]


@routes.get("", responses=problems(*SIGNED_IN))
async def list_accounts(caller: Caller, doors: Doors) -> ShownAccounts:
    """The accounts that the caller holds, in the order in which they came."""
    async with doors.database.transaction() as session:
        held = await accounts.held_accounts(session, caller.user_id)
    return ShownAccounts(items=[ShownAccount.model_validate(one) for one in held])


@routes.patch("/{account_number}", responses=problems(*OWN, rules.AliasTooLong, body="alias"))
async def rename_account(caller: Caller, doors: Doors, account_number: str, body: AliasBody) -> ShownAccount:
    """Name an account; nobody but the caller sees the name. An empty one takes it away."""
    alias = rules.alias(body.alias)
    async with doors.database.transaction() as session:
        return ShownAccount.model_validate(await accounts.rename(session, caller.user_id, account_number, alias))


@routes.delete("/{account_number}", status_code=204, responses=problems(*OWN))
async def remove_account(caller: Caller, doors: Doors, account_number: str) -> None:
    """Take the account out of the caller's cabinet; it can be asked for again."""
    async with doors.database.transaction() as session:
        await accounts.let_go(session, caller.user_id, account_number)
