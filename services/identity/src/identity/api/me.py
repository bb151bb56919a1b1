"""`/v1/me` and the public keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel

from identity.api.doors import Doors
from identity.tables import User
from shared.bearer import Caller
from shared.problems import NotAuthenticated
from shared.routes import router

routes = router(tags=["me"])


class Me(BaseModel):
    id: UUID
    login: str
    email: str | None
    email_confirmed: bool
    pending_email: str | None = None
    email_problem: str | None
    phone: str | None
    phone_confirmed: bool
    locale: str
    created_at: datetime
    origin: str


@routes.get("/v1/me", response_model=Me)
async def me(caller: Caller, doors: Doors) -> Any:
    """The signed-in user."""
    async with doors.database.transaction() as session:
        user = await session.get(User, caller.user_id)
    if user is None or user.status != "active":
        raise NotAuthenticated
    shown = user.model_dump(include=set(Me.model_fields))
    return {
        **shown,
        "email_confirmed": user.email_confirmed_at is not None,
        "phone_confirmed": user.phone_confirmed_at is not None,
    }


@routes.get("/.well-known/jwks.json")
async def public_keys(request: Request) -> dict[str, Any]:
    """The public keys of access tokens, for the gateway."""
    return dict(request.app.state.public_keys.of("identity", "sign").as_dict(private=False))
