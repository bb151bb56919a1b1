"""Phone proofs of verification: signature, phone and purpose here; tries and spending in the database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity.rules import PhoneProofInvalid
from shared.keys import PublicKeys

_CLAIMS = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": "kabinet-verification"},
    aud={"essential": True, "value": "kabinet-identity"},
    exp={"essential": True},
    jti={"essential": True},
)


@dataclass(frozen=True)
class Proof:
    jti: UUID
    expires_at: datetime


def read(proof: str, phone: str, purpose: Literal["registration", "phone_change"], keys: PublicKeys) -> Proof:
    """Raises `PhoneProofInvalid` where it is not verification's, not of this phone or purpose, or too old."""
    try:
        decoded = jwt.decode(proof[:4096], keys.of("verification", "sign"), algorithms=["EdDSA"])
        _CLAIMS.validate(decoded.claims)
        claims = decoded.claims
        fits = (decoded.header.get("typ"), claims.get("phone"), claims.get("purpose"))
        if fits != ("phone-proof+jwt", phone, purpose):
            raise PhoneProofInvalid
        return Proof(UUID(str(claims["jti"])), datetime.fromtimestamp(int(claims["exp"]), UTC))
    except (JoseError, ValueError, TypeError):
        raise PhoneProofInvalid from None


async def count_try(session: AsyncSession, proof: Proof, tries: int) -> None:
    """Count before anything is told for it; raises `PhoneProofInvalid` where it is spent or was shown too often."""
    statement = text(
        "INSERT INTO phone_proofs (jti, tries, expires_at) VALUES (:jti, 1, :expires_at)"
        " ON CONFLICT (jti) DO UPDATE SET tries = phone_proofs.tries + 1"
        " WHERE phone_proofs.spent_at IS NULL AND phone_proofs.tries < :tries RETURNING 1"
    )
    values = {"jti": proof.jti, "expires_at": proof.expires_at, "tries": tries}
    if (await session.execute(statement, values)).first() is None:
        raise PhoneProofInvalid


async def spend(session: AsyncSession, proof: Proof) -> None:
    """In the transaction of the registration or change; raises `PhoneProofInvalid` if another one was faster."""
    statement = text("UPDATE phone_proofs SET spent_at = now() WHERE jti = :jti AND spent_at IS NULL RETURNING 1")
    if (await session.execute(statement, {"jti": proof.jti})).first() is None:
        raise PhoneProofInvalid
