"""`/v1/me/legacy-logins`."""

from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field

from identity import merging, rules, signing_in
from identity.api.documented import REAUTHENTICATED
from identity.api.doors import Body, Doors, Login, Password, origin, routes_of
from shared.bearer import Caller
from shared.documented import SIGNED_IN, problems

routes = routes_of(prefix="/v1/me", tags=["me"])


class LegacyLoginBody(Body):
    login: Login
    password: Password


class LegacyLoginAnswer(BaseModel):
    account_number: str = Field(
        description="linked as soon as billing-link has judged it; see its `/v1/accounts`", examples=["67123456"]
    )


@routes.post(
    "/legacy-logins",
    status_code=201,
    response_model=LegacyLoginAnswer,
    responses=problems(*SIGNED_IN, *REAUTHENTICATED, body="login"),
)
async def add_legacy_login(request: Request, body: LegacyLoginBody, caller: Caller, doors: Doors) -> Any:
    """Move another login of the old portal into the caller's cabinet."""
    async with doors.passwords.turn():
        attempt = await signing_in.charged(body.login, origin(request, None), doors, only_old=True)
        try:
            right = await signing_in.verified(attempt, body.password, doors)
        except rules.OldPasswordsEnded:
            raise rules.OldLoginsEnded from None
        except rules.InvalidCredentials:
            raise rules.WrongPassword from None
        async with doors.database.transaction() as session:
            number = await merging.add(session, caller.user_id, right, doors)
    return {"account_number": number}
