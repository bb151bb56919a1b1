"""What verification says, on `verification.events`, keyed by the code."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from shared.context import Locale
from shared.events import Event

Purpose = Literal["registration", "phone_change"]


class VerificationEvent(Event):
    topic = "verification.events"
    keyed_by = "code_id"

    code_id: UUID
    purpose: Purpose


class CodeSecrets(BaseModel):
    phone: str
    code: str


class CodeRequested(VerificationEvent):
    """An SMS with a code is due. Phone and code travel sealed."""

    type = "verification.code_requested.v1"
    secrets = CodeSecrets

    send: int
    """1 for the first SMS of a code, 2 for its first repetition, and so on."""
    expires_at: datetime
    """When the code ends; an SMS that could not leave before is not sent."""
    locale: Locale


class PhoneVerified(VerificationEvent):
    """Somebody typed the right code: the phone was in hand."""

    type = "verification.phone_verified.v1"
