"""`/v1/sessions` and `/v1/legacy-sessions`."""

from typing import Any, Literal
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field

from identity import sessions, signing_in
from identity.api.doors import Body, Doors, origin
from identity.sessions import Tokens
from identity.tables import User
from shared.bearer import ACCESS_SECONDS, Caller
from shared.refusals import Refusal
from shared.routes import router

routes = router(prefix="/v1", tags=["sessions"])


class SignInBody(Body):
    login: str = Field(max_length=256)
    password: str = Field(max_length=4096)
    device: str | None = Field(default=None, max_length=256)


class LegacySignInBody(Body):
    ticket: str = Field(max_length=256)
    email: str = Field(max_length=320)
    device: str | None = Field(default=None, max_length=256)


class RefreshBody(Body):
    refresh_token: str = Field(max_length=256)


class SignedInUser(BaseModel):
    id: UUID
    login: str
    locale: str
    password_weak: bool
    """Advises a change, blocks nothing."""


class TokensAnswer(BaseModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = ACCESS_SECONDS
    refresh_token: str
    refresh_expires_in: int
    session_id: UUID


class SessionAnswer(TokensAnswer):
    device: str
    user: SignedInUser


@routes.post("/sessions", status_code=201, response_model=SessionAnswer)
async def sign_in(request: Request, body: SignInBody, doors: Doors) -> Any:
    """Sign in, with a login of ours or with the old portal's account number and password."""
    caller, outcome = origin(request, body.device), None
    while outcome is None:  # again only where the credential changed while it was being tried
        async with doors.database.transaction() as session:
            credential = await signing_in.charged(session, body.login, caller.address, doors)
        right = await signing_in.verified(credential, body.password, body.login, doors)
        async with doors.database.transaction() as session:
            outcome = await signing_in.enter(session, right, caller, doors)
    if isinstance(outcome, Refusal):
        raise outcome
    return _shown(*outcome)


@routes.post("/legacy-sessions", status_code=201, response_model=SessionAnswer)
async def sign_in_with_email(request: Request, body: LegacySignInBody, doors: Doors) -> Any:
    """The e-mail that the old portal did not know, for the ticket of a login that was refused with `email-required`."""
    caller = origin(request, body.device)
    async with doors.database.transaction() as session:
        outcome = await signing_in.enter_with_email(session, body.ticket, body.email, caller, doors)
    return _shown(*outcome)


@routes.post("/sessions/refresh", response_model=TokensAnswer)
async def refresh(body: RefreshBody, doors: Doors) -> Any:
    """The next pair of tokens."""
    async with doors.database.transaction() as session:
        outcome = await sessions.refresh(session, body.refresh_token, doors)
    if isinstance(outcome, Refusal):
        raise outcome
    return _tokens(outcome)


@routes.delete("/sessions/current", status_code=204)
async def sign_out(caller: Caller, doors: Doors) -> Response:
    async with doors.database.transaction() as session:
        await sessions.end(session, caller.user_id, [caller.session_id], "signed_out")
    return Response(status_code=204)


def _tokens(tokens: Tokens) -> TokensAnswer:
    return TokensAnswer(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_expires_in=tokens.refresh_expires_in,
        session_id=tokens.session_id,
    )


def _shown(tokens: Tokens, user: User) -> SessionAnswer:
    who = SignedInUser(id=user.id, login=user.login, locale=user.locale, password_weak=user.password_weak)
    return SessionAnswer(**_tokens(tokens).model_dump(), device=tokens.device or "", user=who)
