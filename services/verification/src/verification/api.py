"""verification over HTTP: `/v1/codes`."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from shared.client import address_of, counted_as
from shared.contracts.verification import Purpose
from shared.documented import KEYED, problems
from shared.idempotency import IDEMPOTENT, answered, known_answer
from shared.problems import NotFound
from shared.routes import router
from verification import codes, numbers
from verification.refusing import at_once, kept
from verification.rules import CodeNotValid, CodesUnavailable, PhoneInvalid, TooManyCodes, WrongCode
from verification.wired import Wired

routes = router(prefix="/v1/codes", tags=["codes"])

ID = "019ac3f2-6d1e-7c41-9f0a-3a1b5c7d9e11"
CodeId = Annotated[UUID, Path(description="the `id` of the answer to `POST /v1/codes`", examples=[ID])]
STOPPED = (TooManyCodes, CodesUnavailable)


async def wired(request: Request) -> Wired:
    found: Wired = request.app.state.wired
    return found


def counted_address(request: Request) -> str:
    """The client's address, as limits count it."""
    return counted_as(address_of(request))


Doors = Annotated[Wired, Depends(wired)]
Address = Annotated[str, Depends(counted_address)]


class CodeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    phone: str = Field(
        max_length=64,
        description="as people write it; ten digits, `8…` and `+7…` are the same number",
        examples=["8 912 345-67-89"],
    )
    purpose: Purpose = Field(description="what the phone proof may be spent on", examples=["registration"])


class CheckBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=64, description="ASCII digits; spaces and hyphens are dropped", examples=["04217"])


class CodeAnswer(BaseModel):
    id: UUID = Field(examples=[ID])
    length: int = Field(description="how many digits the code has", examples=[5])
    expires_at: datetime = Field(description="until then it can be checked", examples=["2026-11-25T09:10:00.125000Z"])
    resend_at: datetime = Field(
        description="from then on the phone can get another SMS", examples=["2026-11-25T09:01:00.125000Z"]
    )


class ProofAnswer(BaseModel):
    phone_proof: str = Field(
        description="a JWS for `POST /v1/registrations` or `PUT /v1/me/phone`; spent when one of them commits with it",
        examples=["eyJhbGciOiJFZERTQSIsInR5cCI6InBob25lLXByb29mK2p3dCJ9.eyJwaG9uZSI6Iis3OTEyMzQ1Njc4OSJ9.c2lnbmF0dXJl"],
    )
    expires_at: datetime = Field(examples=["2026-11-25T09:15:00.125000Z"])


@routes.post(
    "",
    status_code=202,
    response_model=CodeAnswer,
    dependencies=[IDEMPOTENT],
    operation_id="ask_for_code",
    summary="Send a code to a phone",
    response_description="The SMS is on its way",
    responses=problems(PhoneInvalid, *STOPPED, *KEYED, body="phone"),
)
async def ask(request: Request, body: CodeBody, address: Address, doors: Doors) -> Response:
    """A second code for the same phone within a minute is refused. No answer tells whether the phone is known."""
    number = numbers.read(body.phone, doors.settings.countries[0])
    async with doors.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
        refusal = await at_once(session, number, address, doors)
    if refusal is not None:
        raise refusal
    async with kept(number, doors):
        code = await codes.open_code(number, body.purpose, doors)  # Redis, outside any transaction
        async with doors.database.transaction() as session:
            if (before := await known_answer(session, request)) is not None:
                return before
            sent = await codes.send(session, code, number, address, doors)
            return await answered(session, request, 202, _shown(sent, doors))


@routes.post(
    "/{code_id}/sends",
    status_code=202,
    response_model=CodeAnswer,
    operation_id="send_code_again",
    summary="Send the same code again",
    response_description="The SMS is on its way: same code, same expiry, same checks left",
    responses=problems(CodeNotValid, NotFound, *STOPPED, path="code_id"),
)
async def send_again(code_id: CodeId, address: Address, doors: Doors) -> Any:
    """A code that ends within 45 seconds is not sent again: ask for a new one."""
    code, number = await codes.find_for_send(code_id, doors)
    async with kept(number, doors), doors.database.transaction() as session:
        sent = await codes.send(session, code, number, address, doors)
    return _shown(sent, doors)


@routes.post(
    "/{code_id}/check",
    response_model=ProofAnswer,
    operation_id="check_code",
    summary="Exchange the right code for a phone proof",
    response_description="The phone was in hand",
    responses=problems(
        *(WrongCode, CodeNotValid, NotFound, CodesUnavailable),
        body="code",
        path="code_id",
        members={"wrong-code": {"attempts_left": 4}},
    ),
)
async def check(code_id: CodeId, body: CheckBody, doors: Doors) -> Any:
    """A code bears five checks and is right once. Expired, used up, used and unknown are alike."""
    return await codes.check(code_id, body.code, doors)


def _shown(sent: codes.Sent, doors: Wired) -> CodeAnswer:
    return CodeAnswer(
        id=sent.code_id,
        length=doors.settings.code_digits,
        expires_at=sent.expires_at,
        resend_at=sent.resend_at,
    )
