"""`/v1/registrations` and `/v1/email-confirmations`."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field

from identity import addresses, letters, proofs, registering, rules
from identity.api.doors import ID, Body, Doors, Email, LinkToken, Login, Password, Phone, PhoneProof, routes_of
from identity.passwords import PasswordTooLong, PasswordTooWeak
from shared import context
from shared.contacts import mask_email
from shared.context import Locale
from shared.documented import KEYED, problems
from shared.idempotency import IDEMPOTENT, answered, known_answer

routes = routes_of(prefix="/v1", tags=["registration"])


class RegistrationBody(Body):
    login: Login
    password: Password
    password_confirmation: Password
    email: Email
    phone: Phone
    phone_proof: PhoneProof
    locale: Locale | None = Field(default=None, description="of letters and SMS; else by Accept-Language")
    consents: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=20, description="names of documents", examples=[["personal-data-2026"]]
    )


class RegistrationAnswer(BaseModel):
    id: UUID = Field(description="becomes the user's", examples=[ID])
    status: Literal["awaiting_email"]
    email: str = Field(description="masked", examples=["pe•••@mail.ru"])


class TokenBody(Body):
    token: LinkToken


class ConfirmationAnswer(BaseModel):
    user_id: UUID = Field(examples=[ID])
    purpose: Literal["registration", "migration", "email_change"]


@routes.post(
    "/registrations",
    status_code=201,
    response_model=RegistrationAnswer,
    dependencies=[IDEMPOTENT],
    responses=problems(
        rules.LoginTooShort,
        rules.LoginInvalid,
        rules.LoginReserved,
        PasswordTooWeak,
        PasswordTooLong,
        rules.PasswordsDiffer,
        rules.EmailInvalid,
        rules.PhoneInvalid,
        rules.PhoneProofInvalid,
        rules.ConsentRequired,
        rules.LoginTaken,
        *KEYED,
        body="login",
    ),
)
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


@routes.post(
    "/registrations/{registration_id}/letters",
    status_code=202,
    response_class=Response,
    responses=problems(rules.TooManyLetters, path="registration_id"),
)
async def send_letter_again(registration_id: UUID, doors: Doors) -> Response:
    """The confirmation letter again; any id is answered alike."""
    async with doors.database.transaction() as session:
        await letters.ask_confirmation_again(session, registration_id, doors)
    return Response(status_code=202)


@routes.post(
    "/email-confirmations", response_model=ConfirmationAnswer, responses=problems(rules.LinkNotValid, body="token")
)
async def confirm(body: TokenBody, doors: Doors) -> Any:
    """Confirm an address by the token of a link."""
    async with doors.database.transaction() as session:
        user_id, purpose = await addresses.confirm(session, body.token, doors)
    return {"user_id": user_id, "purpose": purpose}
