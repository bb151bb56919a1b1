"""`/v1/registrations` and `/v1/email-confirmations`."""

from typing import Any, Literal
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field

from identity import letters, proofs, registering, rules
from identity.api.doors import Body, Doors
from shared import context
from shared.contacts import mask_email
from shared.context import Locale
from shared.idempotency import IDEMPOTENT, answered, known_answer
from shared.routes import router

routes = router(prefix="/v1", tags=["registration"])


class RegistrationBody(Body):
    login: str = Field(max_length=256)
    password: str = Field(max_length=4096)
    password_confirmation: str = Field(max_length=4096)
    email: str = Field(max_length=320)
    phone: str = Field(max_length=64)
    phone_proof: str = Field(max_length=4096)
    locale: Locale | None = None
    consents: list[str] = Field(default_factory=list, max_length=20)


class RegistrationAnswer(BaseModel):
    id: UUID
    status: Literal["awaiting_email"]
    email: str
    """Masked."""


class TokenBody(Body):
    token: str = Field(max_length=256)


class ConfirmationAnswer(BaseModel):
    user_id: UUID
    purpose: Literal["registration", "migration", "email_change"]


@routes.post("/registrations", status_code=201, response_model=RegistrationAnswer, dependencies=[IDEMPOTENT])
async def register(request: Request, body: RegistrationBody, doors: Doors) -> Response:
    """Register: the form, the phone proof and the login are checked in this order."""
    locale = body.locale or context.locale.get()
    form = await registering.checked(**body.model_dump(exclude={"locale"}), locale=locale, wired=doors)
    proof = registering.proof_of(form, doors)
    async with doors.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
        await proofs.count_try(session, proof, doors.settings.phone_proof_tries)
        taken = await registering.is_taken(session, form, doors)
    if taken:
        raise rules.LoginTaken
    password_hash = await doors.passwords.hash_password(form.password)
    async with doors.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
        user = await registering.register(session, form, proof, password_hash, doors)
        shown = RegistrationAnswer(id=user.id, status="awaiting_email", email=mask_email(form.email))
        return await answered(session, request, 201, shown)


@routes.post("/registrations/{registration_id}/letters", status_code=202)
async def send_letter_again(registration_id: UUID, doors: Doors) -> Response:
    """The confirmation letter again; any id is answered alike."""
    async with doors.database.transaction() as session:
        await letters.ask_confirmation_again(session, registration_id, doors)
    return Response(status_code=202)


@routes.post("/email-confirmations", response_model=ConfirmationAnswer)
async def confirm(body: TokenBody, doors: Doors) -> Any:
    """Confirm an address by the token of a link."""
    async with doors.database.transaction() as session:
        user_id, purpose = await registering.confirm(session, body.token, doors)
    return {"user_id": user_id, "purpose": purpose}
