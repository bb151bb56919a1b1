"""verification over HTTP: `/v1/codes`."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.verification import Purpose
from shared.idempotency import IDEMPOTENT, answered, known_answer
from shared.routes import router
from verification import codes
from verification.wired import Wired

routes = router(prefix="/v1/codes", tags=["codes"])


def wired(request: Request) -> Wired:
    found: Wired = request.app.state.wired
    return found


Doors = Annotated[Wired, Depends(wired)]


class CodeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    phone: str = Field(max_length=64)
    purpose: Purpose


class CheckBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=64)


class CodeAnswer(BaseModel):
    id: UUID
    length: int
    expires_at: datetime
    resend_at: datetime


class ProofAnswer(BaseModel):
    phone_proof: str
    expires_at: datetime


@routes.post("", status_code=202, response_model=CodeAnswer, dependencies=[IDEMPOTENT])
async def ask(request: Request, body: CodeBody, doors: Doors) -> Response:
    """Send a code to the phone."""
    async with doors.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
    code, phone = await codes.open_code(body.phone, body.purpose, doors)  # Redis, outside any transaction
    async with doors.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
        sent = await codes.send(session, code, phone, doors)
        return await answered(session, request, 202, _shown(sent, doors))


@routes.post("/{code_id}/sends", status_code=202, response_model=CodeAnswer)
async def send_again(code_id: UUID, doors: Doors) -> Any:
    """Send the same code again: same expiry, same checks left."""
    code, phone = await codes.live_for_send(code_id, doors)
    async with doors.database.transaction() as session:
        sent = await codes.send(session, code, phone, doors)
    return _shown(sent, doors)


@routes.post("/{code_id}/check", response_model=ProofAnswer)
async def check(code_id: UUID, body: CheckBody, doors: Doors) -> Any:
    """Exchange the right code for a phone proof."""
    return await codes.check(code_id, body.code, doors)


def _shown(sent: codes.Sent, doors: Wired) -> CodeAnswer:
    length = doors.settings.code_digits
    return CodeAnswer(
        id=sent.code_id,
        length=length,
        expires_at=sent.expires_at,
        resend_at=sent.resend_at,
    )
