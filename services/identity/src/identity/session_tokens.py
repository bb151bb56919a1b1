"""The tokens of a session and a device: signed or derived from what is stored, so that none is stored itself."""

import hmac
import time
from dataclasses import dataclass
from uuid import UUID

from joserfc import jwt
from uuid_utils.compat import uuid7

from identity.wired import Wired
from shared.bearer import ACCESS_SECONDS


@dataclass(frozen=True)
class Tokens:
    """What a caller holds of a session; times in seconds."""

    access_token: str
    refresh_token: str
    refresh_expires_in: int
    session_id: UUID
    user_id: UUID
    device: str | None = None


def make(session_id: UUID, user_id: UUID, counter: int, left: int, wired: Wired, device: str | None = None) -> Tokens:
    """`left`: seconds until the session ends if nothing is heard of it."""
    return Tokens(
        access_token=_access_token(user_id, session_id, wired),
        refresh_token=f"{session_id}.{counter}.{_refresh_mac(session_id, counter, wired)}",
        refresh_expires_in=left,
        session_id=session_id,
        user_id=user_id,
        device=device,
    )


def read_refresh(token: str, wired: Wired) -> tuple[UUID, int] | None:
    """The session and the counter of a refresh token that was made here."""
    session_id, _, rest = token[:256].partition(".")
    counter, _, mac = rest.partition(".")
    if not (counter.isascii() and counter.isdecimal() and len(counter) < 10):
        return None
    try:
        found = UUID(session_id), int(counter)
    except ValueError:
        return None
    return found if hmac.compare_digest(_bytes(mac), _refresh_mac(*found, wired).encode()) else None


def of_device(device_id: UUID, user_id: UUID, wired: Wired) -> str:
    """A device's token is the user's alone: another user's on the same device is another token."""
    return f"{device_id}.{wired.keys.hmac('device', str(device_id), str(user_id)).hex()}"


def read_device(token: str | None, user_id: UUID, wired: Wired) -> UUID | None:
    """The device of a token that was made here for this user."""
    try:
        device_id = UUID((token or "")[:256].partition(".")[0])
    except ValueError:
        return None
    return (
        device_id if hmac.compare_digest(_bytes(token or ""), of_device(device_id, user_id, wired).encode()) else None
    )


def _access_token(user_id: UUID, session_id: UUID, wired: Wired) -> str:
    key, now = wired.keys.signing(), int(time.time())
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.kid}
    claims = {
        "iss": "kabinet-identity",
        "aud": "kabinet",
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": str(uuid7()),
        "iat": now,
        "exp": now + ACCESS_SECONDS,
    }
    return jwt.encode(header, claims, key, algorithms=["EdDSA"])


def _refresh_mac(session_id: UUID, counter: int, wired: Wired) -> str:
    return wired.keys.hmac("refresh token", str(session_id), str(counter)).hex()


def _bytes(text: str) -> bytes:
    # JSON can carry half of a surrogate pair, which UTF-8 has no bytes for.
    return text.encode(errors="surrogatepass")
