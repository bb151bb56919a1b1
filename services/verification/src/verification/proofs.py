"""Phone proofs: signed statements that a phone was in hand, for identity to spend."""

from datetime import UTC, datetime, timedelta

from joserfc import jwt
from uuid_utils.compat import uuid7

from shared.contracts.verification import Purpose
from shared.keys import PrivateKeys


def sign(phone: str, purpose: Purpose, seconds: int, now: datetime, keys: PrivateKeys) -> tuple[str, datetime]:
    """The JWS and the moment when it runs out. It is good until a registration or phone change commits with it."""
    key, expires_at = keys.signing(), now.astimezone(UTC) + timedelta(seconds=seconds)
    claims = {
        "iss": "kabinet-verification",
        "aud": "kabinet-identity",
        "jti": str(uuid7()),
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "phone": phone,
        "purpose": purpose,
    }
    header = {"alg": "EdDSA", "typ": "phone-proof+jwt", "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=["EdDSA"]), expires_at
