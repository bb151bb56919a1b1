"""Sealed parts of events: a JWE (ECDH-ES X25519, A256GCM) that only the notifier opens, bound to its event's id."""

from typing import TypeVar

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.registry import HeaderParameter
from pydantic import BaseModel, ValidationError

from shared.events import Event, Malformed
from shared.keys import PrivateKeys, PublicKeys

ALGORITHMS = ["ECDH-ES", "A256GCM"]
_REGISTRY = jwe.JWERegistry(
    header_registry={"ce_id": HeaderParameter("id of the event it belongs to", "str", required=True)},
    algorithms=ALGORITHMS,
)
Secrets = TypeVar("Secrets", bound=BaseModel)


def seal(event: Event, secrets: BaseModel, public_keys: PublicKeys) -> str:
    """The compact JWE of `secrets` for the notifier's current public key."""
    key = public_keys.current_okp("notifier", "seal")
    header = {
        "alg": "ECDH-ES",
        "enc": "A256GCM",
        "kid": key.kid,
        "ce_id": str(event.id),
    }
    return jwe.encrypt_compact(header, secrets.model_dump_json(exclude_none=True), key, registry=_REGISTRY)


def open_sealed(event: Event, secrets: type[Secrets], private_keys: PrivateKeys) -> Secrets:
    """What was sealed into the event; `Malformed` where it is missing, damaged or cut out of another event."""
    if event.sealed is None:
        raise Malformed("the sealed part is missing")
    try:
        opened = jwe.decrypt_compact(event.sealed, KeySet(list(private_keys.all("seal"))), registry=_REGISTRY)
        if opened.protected.get("ce_id") != str(event.id):
            raise Malformed("the sealed part belongs to another event")
        return secrets.model_validate_json(opened.plaintext or b"")
    except (JoseError, ValueError, ValidationError) as problem:
        raise Malformed(f"the sealed part cannot be opened: {type(problem).__name__}") from None
