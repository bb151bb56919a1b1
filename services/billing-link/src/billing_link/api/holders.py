"""`/v1/accounts/{account_number}/holders`: who else holds an account, and an objection to somebody who came later."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from billing_link import holders, rules
from billing_link.api.doors import ID, TIME, Doors, Shown
from shared.bearer import Caller
from shared.documented import OWN, problems
from shared.routes import router

routes = router(prefix="/v1/accounts/{account_number}/holders", tags=["holders"])


class ShownHolder(Shown):
    link_id: UUID = Field(examples=[ID])
    origin: Literal["amount", "migrated", "support"]
    linked_at: datetime = Field(examples=[TIME])
    you: bool
    removable: bool = Field(description="the caller may end this hold: it is younger than theirs, by amount, and fresh")


class ShownHolders(Shown):
    items: list[ShownHolder]


@routes.get("", responses=problems(*OWN))
async def list_holders(caller: Caller, doors: Doors, account_number: str) -> ShownHolders:
    """Every holder of an account that the caller holds, oldest first; not who they are."""
    async with doors.database.transaction() as session:
        found = await holders.holders(session, caller.user_id, account_number, doors.settings)
    return ShownHolders(items=[ShownHolder.model_validate(one) for one in found])


@routes.delete("/{link_id:uuid}", status_code=204, responses=problems(*OWN, rules.NotRemovable))
async def object_to_holder(caller: Caller, doors: Doors, account_number: str, link_id: UUID) -> None:
    """Object to a hold: it ends, and that user's later requests for the account by an amount are refused."""
    async with doors.database.transaction() as session:
        await holders.object_to(session, caller.user_id, account_number, link_id, doors.settings)
