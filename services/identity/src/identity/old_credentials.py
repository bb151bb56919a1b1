"""Old hashes at rest: encrypted with a key from a file, and the marks of those that opened their last door."""

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from shared.keys import PrivateKeys

from identity.old_hashes import OldHash, parse

_NONCE_BYTES = 12


def encrypted(keys: PrivateKeys, account_number: str, hash_text: str) -> tuple[str, bytes]:
    """The name of the key and the encrypted hash, which can be read for this account number only."""
    kid, key = keys.secret("legacy")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return kid, nonce + AESGCM(key).encrypt(nonce, hash_text.encode(), account_number.encode())


def decrypted(keys: PrivateKeys, account_number: str, kid: str, value: bytes) -> OldHash:
    """The hash again. A value moved to another row, or changed, raises `cryptography.exceptions.InvalidTag`."""
    _, key = keys.secret("legacy", kid)
    text = AESGCM(key).decrypt(value[:_NONCE_BYTES], value[_NONCE_BYTES:], account_number.encode())
    return parse(text.decode())


def mark(keys: PrivateKeys, account_number: str) -> bytes:
    """What stays of an account number whose old credential was used, reset, erased or moved."""
    return keys.hmac("legacy-number", account_number)


def marks(keys: PrivateKeys, account_number: str) -> list[bytes]:
    """The mark under every key that ever made one: where one of them stands, the credential never comes back."""
    return [keys.hmac("legacy-number", account_number, kid=key.kid) for key in keys.all("hmac")]
