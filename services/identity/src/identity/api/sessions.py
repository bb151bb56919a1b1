"""`/v1/sessions` and `/v1/legacy-sessions`."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field

from identity import rules, sessions, signing_in
from identity.api.doors import ID, Body, Doors, Email, Login, Password, origin, routes_of
from identity.session_tokens import Tokens
from identity.tables import User
from shared.bearer import ACCESS_SECONDS, Caller
from shared.context import Locale
from shared.documented import SIGNED_IN, problems
from shared.languages import as_locale
from shared.problems import NotFound
from shared.refusals import Refusal

routes = routes_of(prefix="/v1", tags=["sessions"])

TICKET = "Zk3vZ0yJ8mX2q1T5nB7cR4wL6hD9sF0aGpEiUoYtVxQ"
REFRESH_TOKEN = f"{ID}.0.5f0c9d"
DEVICE = f"{ID}.9a3b5c"
Device = Annotated[
    str | None,
    Field(max_length=256, description="what an earlier sign-in of this user answered here", examples=[DEVICE]),
]


class SignInBody(Body):
    login: Login
    password: Password
    device: Device = None


class LegacySignInBody(Body):
    ticket: str = Field(max_length=256, examples=[TICKET])
    email: Email
    device: Device = None


class RefreshBody(Body):
    refresh_token: str = Field(max_length=256, examples=[REFRESH_TOKEN])


class SignedInUser(BaseModel):
    id: UUID = Field(examples=[ID])
    login: str = Field(examples=["petrova"])
    locale: Locale
    password_weak: bool = Field(description="advises a change, blocks nothing", examples=[False])


class TokensAnswer(BaseModel):
    access_token: str = Field(
        description="a JWT for `Authorization: Bearer …`", examples=["eyJhbGciOiJFZERTQSJ9.e30.c2ln"]
    )
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(default=ACCESS_SECONDS, description="seconds", examples=[300])
    refresh_token: str = Field(description="good once, for `/v1/sessions/refresh`", examples=[REFRESH_TOKEN])
    refresh_expires_in: int = Field(description="seconds; less towards the session's end", examples=[1_209_600])
    session_id: UUID = Field(examples=[ID])


class SessionAnswer(TokensAnswer):
    device: str = Field(description="to be kept for a year and sent with this user's next sign-in", examples=[DEVICE])
    user: SignedInUser


class ShownSession(BaseModel):
    id: UUID = Field(examples=[ID])
    created_at: datetime = Field(examples=["2026-11-25T09:00:00.125000Z"])
    last_seen_at: datetime = Field(
        description="to within the five minutes of an access token", examples=["2026-11-25T09:05:00.125000Z"]
    )
    user_agent: str | None = Field(examples=["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"])
    address: str | None = Field(description="IPv6 by its /64", examples=["203.0.113.7"])
    current: bool = Field(description="it is the caller's", examples=[True])


class SessionList(BaseModel):
    items: list[ShownSession]


ONE_MORE_STEP = {
    "email-not-confirmed": {"registration_id": ID, "email": "pe•••@mail.ru"},
    "email-required": {"ticket": "Zk3vZ0yJ8mX2q1T5nB7cR4wL6hD9sF0aGpEiUoYtVxQ"},
}


@routes.post(
    "/sessions",
    status_code=201,
    response_model=SessionAnswer,
    responses=problems(
        rules.InvalidCredentials,
        rules.EmailNotConfirmed,
        rules.EmailRequired,
        rules.UserBlocked,
        rules.TooManyAttempts,
        body="login",
        members=ONE_MORE_STEP,
    ),
)
async def sign_in(request: Request, body: SignInBody, doors: Doors) -> Any:
    """Sign in, with a login of ours or with the old portal's account number and password."""
    caller, outcome = origin(request, body.device), None
    async with doors.passwords.turn():
        while outcome is None:  # again only where the credential changed while it was being tried
            attempt = await signing_in.charged(body.login, caller, doors)
            right = await signing_in.verified(attempt, body.password, doors)
            async with doors.database.transaction() as session:
                outcome = await signing_in.enter(session, right, caller, doors)
    if isinstance(outcome, Refusal):
        raise outcome
    return _shown(*outcome)


@routes.post(
    "/legacy-sessions",
    status_code=201,
    response_model=SessionAnswer,
    responses=problems(
        rules.TicketNotValid,
        rules.UserBlocked,
        rules.InvalidCredentials,
        rules.EmailNotConfirmed,
        rules.EmailInvalid,
        body="ticket",
        members=ONE_MORE_STEP,
    ),
)
async def sign_in_with_email(request: Request, body: LegacySignInBody, doors: Doors) -> Any:
    """The e-mail that the old portal did not know, for the ticket of a login that was refused with `email-required`."""
    caller = origin(request, body.device)
    async with doors.database.transaction() as session:
        outcome = await signing_in.enter_with_email(session, body.ticket, body.email, caller, doors)
    return _shown(*outcome)


@routes.post(
    "/sessions/refresh",
    response_model=TokensAnswer,
    responses=problems(rules.SessionEnded, body="refresh_token"),
)
async def refresh(body: RefreshBody, doors: Doors) -> Any:
    """The next pair of tokens."""
    outcome = await sessions.refresh(body.refresh_token, doors)
    if isinstance(outcome, Refusal):
        raise outcome
    return _tokens(outcome)


@routes.get("/sessions", response_model=SessionList, responses=problems(*SIGNED_IN))
async def get_sessions(caller: Caller, doors: Doors) -> Any:
    """Where the caller is signed in, the session seen last first; `last_seen_at` is within the five minutes of an
    access token."""
    async with doors.database.transaction() as session:
        rows = await sessions.own(session, caller.user_id, doors)
    return {"items": [{**row, "current": row["id"] == caller.session_id} for row in rows]}


@routes.delete("/sessions/current", status_code=204, responses=problems(*SIGNED_IN))
async def sign_out(caller: Caller, doors: Doors) -> Response:
    """End the caller's session."""
    async with doors.database.transaction() as session:
        await sessions.end(session, caller.user_id, [caller.session_id], "signed_out")
    return Response(status_code=204)


@routes.delete("/sessions/{session_id}", status_code=204, responses=problems(*SIGNED_IN, NotFound, path="session_id"))
async def end_session(session_id: UUID, caller: Caller, doors: Doors) -> Response:
    """End one session of the caller's."""
    async with doors.database.transaction() as session:
        if not await sessions.end(session, caller.user_id, [session_id], "ended_by_user"):
            raise NotFound
    return Response(status_code=204)


@routes.delete("/sessions", status_code=204, responses=problems(*SIGNED_IN))
async def end_other_sessions(caller: Caller, doors: Doors) -> Response:
    """End all other sessions of the caller."""
    async with doors.database.transaction() as session:
        await sessions.end_others(session, caller.user_id, caller.session_id, "ended_by_user")
    return Response(status_code=204)


def _tokens(tokens: Tokens) -> TokensAnswer:
    return TokensAnswer(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_expires_in=tokens.refresh_expires_in,
        session_id=tokens.session_id,
    )


def _shown(tokens: Tokens, user: User) -> SessionAnswer:
    who = SignedInUser(id=user.id, login=user.login, locale=as_locale(user.locale), password_weak=user.password_weak)
    return SessionAnswer(**_tokens(tokens).model_dump(), device=tokens.device or "", user=who)
