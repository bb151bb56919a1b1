"""What every route of identity takes from its request."""

from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict

from identity.sessions import Caller
from identity.wired import Wired
from shared.client import address_of, counted_as


class Body(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def wired(request: Request) -> Wired:
    found: Wired = request.app.state.wired
    return found


def origin(request: Request, device: str | None) -> Caller:
    """Where a sign-in comes from."""
    return Caller(counted_as(address_of(request)), request.headers.get("user-agent"), device)


Doors = Annotated[Wired, Depends(wired)]
