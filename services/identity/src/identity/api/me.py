"""`/v1/me` and the public keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from identity import changing
from identity.api.doors import ID, Body, Doors, routes_of
from shared.bearer import Caller
from shared.contacts import mask_email
from shared.context import Locale
from shared.documented import SIGNED_IN, problems
from shared.problems import NotAuthenticated

routes = routes_of(tags=["me"])


class Me(BaseModel):
    id: UUID = Field(examples=[ID])
    login: str = Field(examples=["petrova"])
    email: str | None = Field(examples=["petrova@mail.ru"])
    email_confirmed: bool
    pending_email: str | None = Field(
        description="masked; the address that waits for its confirmation", examples=["ne•••@mail.ru"]
    )
    email_problem: str | None = Field(
        description="`rejected` where its mail server refuses our letters", examples=["rejected"]
    )
    phone: str | None = Field(examples=["+79123456789"])
    phone_confirmed: bool
    locale: Locale
    created_at: datetime = Field(examples=["2026-11-25T09:00:00.125000Z"])
    origin: Literal["registered", "migrated"]


_SHOWN_AS_STORED = ("id", "login", "email", "email_problem", "phone", "locale", "created_at", "origin")
_ME = (
    f"SELECT {', '.join(_SHOWN_AS_STORED)}, email_confirmed_at, pending_email, phone_confirmed_at"
    " FROM users WHERE id = $1 AND status = 'active'"
)


class MeBody(Body):
    locale: Locale


@routes.get("/v1/me", response_model=Me, responses=problems(*SIGNED_IN))
async def me(caller: Caller, doors: Doors) -> Any:
    """The signed-in user."""
    user = await doors.database.fetchrow(_ME, caller.user_id)
    if user is None:
        raise NotAuthenticated
    return _shown(user)


@routes.patch("/v1/me", response_model=Me, responses=problems(*SIGNED_IN, body="locale"))
async def change_me(body: MeBody, caller: Caller, doors: Doors) -> Any:
    """Change the language of letters and SMS."""
    async with doors.database.transaction() as session:
        user = await changing.locale(session, caller.user_id, body.locale)
    return _shown(user.model_dump())


@routes.get("/.well-known/jwks.json", tags=["keys"], responses=problems())
async def public_keys(request: Request) -> dict[str, Any]:
    """The public keys of access tokens, for the gateway."""
    return dict(request.app.state.public_keys.of("identity", "sign").as_dict(private=False))


def _shown(user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: user[name] for name in _SHOWN_AS_STORED},
        "email_confirmed": user["email_confirmed_at"] is not None,
        "pending_email": user["pending_email"] and mask_email(user["pending_email"]),
        "phone_confirmed": user["phone_confirmed_at"] is not None,
    }
