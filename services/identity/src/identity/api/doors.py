"""What every route of identity takes from its request."""

from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from identity.sessions import Caller
from identity.wired import Wired
from shared.client import address_of, counted_as
from shared.routes import router

ID = "019ac3f2-6d1e-7c41-9f0a-3a1b5c7d9e11"
"""An id in examples."""
PASSWORD = "blue tram to the depot"
Login = Annotated[
    str,
    Field(
        max_length=256,
        description="compared after NFKC and case folding; also the old portal's account number",
        examples=["petrova"],
    ),
]
Password = Annotated[str, Field(max_length=4096, description="exactly as typed", examples=[PASSWORD])]
Email = Annotated[str, Field(max_length=320, examples=["petrova@mail.ru"])]
Phone = Annotated[str, Field(max_length=64, description="as people write it", examples=["8 912 345-67-89"])]
PhoneProof = Annotated[
    str,
    Field(
        max_length=4096,
        description="what verification's `POST /v1/codes/{id}/check` answered",
        examples=["eyJhbGciOiJFZERTQSIsInR5cCI6InBob25lLXByb29mK2p3dCJ9.e30.c2ln"],
    ),
]
LinkToken = Annotated[
    str,
    Field(
        max_length=256,
        description="the last part of the link in a letter",
        examples=["Zk3vZ0yJ8mX2q1T5nB7cR4wL6hD9sF0aGpEiUoYtVxQ"],
    ),
]


class Body(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def routes_of(*, tags: list[str | Enum], prefix: str = "") -> APIRouter:
    """A router whose operations are called as their functions are, so that a generated client reads well."""
    return router(prefix=prefix, tags=tags, generate_unique_id_function=lambda route: route.name)


async def wired(request: Request) -> Wired:
    found: Wired = request.app.state.wired
    return found


def counted_address(request: Request) -> str:
    """The client's address, as limits count it."""
    return counted_as(address_of(request))


def origin(request: Request, device: str | None) -> Caller:
    """Where a sign-in comes from."""
    return Caller(counted_address(request), request.headers.get("user-agent"), device)


Doors = Annotated[Wired, Depends(wired)]
