"""Bearer tokens: each service checks identity's access tokens on its own, by the mounted public keys."""

import time
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.identity import SessionsEnded
from shared.keys import KeyMissing, PublicKeys
from shared.problems import NotAuthenticated

# The contract's name for Ed25519 signatures is JOSE's older one, "EdDSA"; gateways know it.
warnings.filterwarnings("ignore", category=SecurityWarning, message="EdDSA")

ACCESS_SECONDS = 300
_LEEWAY_SECONDS = 5
_CLAIMS = jwt.JWTClaimsRegistry(
    leeway=_LEEWAY_SECONDS,
    iss={"essential": True, "value": "kabinet-identity"},
    aud={"essential": True, "value": "kabinet"},
    exp={"essential": True},
    sub={"essential": True},
    sid={"essential": True},
    jti={"essential": True},
)


_ENDED = "SELECT FROM ended_sessions WHERE session_id = $1"


@dataclass(frozen=True)
class Who:
    """The signed-in caller."""

    user_id: UUID
    session_id: UUID


def check_access_token(token: str, keys: PublicKeys) -> Who:
    """Raises `NotAuthenticated` for anything but a current access token of identity's."""
    try:
        who, expires = _read(token, keys, keys.version())
    except (JoseError, KeyMissing, ValueError, TypeError):
        raise NotAuthenticated from None
    if expires + _LEEWAY_SECONDS < time.time():
        raise NotAuthenticated
    return who


@lru_cache(maxsize=4096)
def _read(token: str, keys: PublicKeys, _version: object) -> tuple[Who, float]:
    """Whose token it is, and when it runs out; its signature is checked once for all the requests that bring it.

    A refusal is not kept, and what other keys have shown counts no more.
    """
    decoded = jwt.decode(token, keys.of("identity", "sign"), algorithms=["EdDSA"])
    if decoded.header.get("typ") != "at+jwt":
        raise NotAuthenticated
    _CLAIMS.validate(decoded.claims)
    return Who(UUID(str(decoded.claims["sub"])), UUID(str(decoded.claims["sid"]))), float(decoded.claims["exp"])


async def authenticate(request: Request) -> Who:
    """The caller of the request, whose session has not ended."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > 4096:
        raise NotAuthenticated
    who = check_access_token(token.strip(), request.app.state.public_keys)
    if await request.app.state.database.fetchrow(_ENDED, who.session_id) is not None:
        raise NotAuthenticated
    return who


_scheme = HTTPBearer(auto_error=False, bearerFormat="JWT", description="identity's access token")


async def signed_in(request: Request, _for_openapi: Annotated[object, Depends(_scheme)]) -> Who:
    """The dependency; the check itself ran before the body was read (see `shared.routes`)."""
    who: Who = request.state.who
    return who


Caller = Annotated[Who, Depends(signed_in)]


async def sessions_ended(session: AsyncSession, event: SessionsEnded, _wired: object) -> None:
    """Refuse the ended sessions' access tokens until the last of them has run out by itself."""
    await end_sessions(session, event.session_ids)


async def end_sessions(session: AsyncSession, session_ids: list[UUID]) -> None:
    statement = text(
        "INSERT INTO ended_sessions (session_id, until)"
        " SELECT id, now() + make_interval(secs => :seconds) FROM unnest(CAST(:ids AS uuid[])) AS id"
        " ON CONFLICT DO NOTHING"
    )
    await session.execute(statement, {"ids": session_ids, "seconds": ACCESS_SECONDS + 60})
