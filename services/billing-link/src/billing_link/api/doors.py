"""What the routes of billing-link take from their request."""

from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from billing_link.wired import Wired

ID = "019ac3f2-6d1e-7c41-9f0a-3a1b5c7d9e11"
"""An id in examples."""
NUMBER = "67123456"
TIME = "2026-11-25T09:00:00.125000Z"
AccountNumber = Annotated[
    str, Field(description="5 to 14 digits; spaces and hyphens are dropped, leading zeros count", examples=[NUMBER])
]


class Body(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """What is answered, made of what a use case gave."""

    model_config = ConfigDict(from_attributes=True)


async def wired(request: Request) -> Wired:
    found: Wired = request.app.state.wired
    return found


Doors = Annotated[Wired, Depends(wired)]
