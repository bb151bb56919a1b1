"""Old hashes at rest: encrypted with a key from a file, and the marks of those that opened their last door."""

from identity.old_hashes import OldHash, parse
from shared.keys import PrivateKeys


def encrypted(keys: PrivateKeys, account_number: str, hash_text: str) -> str:
    """The encrypted hash, which can be read for this account number only."""
    return keys.encrypt("legacy", hash_text.encode(), bound_to=account_number)


def decrypted(keys: PrivateKeys, account_number: str, value: str) -> OldHash:
    """The hash again. A value that was changed or moved to another row raises `CannotDecrypt`."""
    return parse(keys.decrypt("legacy", value, bound_to=account_number).decode())


def mark(keys: PrivateKeys, account_number: str) -> bytes:
    """What stays of an account number whose old credential was used, reset, erased or moved."""
    return keys.hmac("legacy-number", account_number)


def marks(keys: PrivateKeys, account_number: str) -> list[bytes]:
    """The mark under every key that ever made one: where one of them stands, the credential never comes back."""
    return [keys.hmac("legacy-number", account_number, kid=key.kid) for key in keys.all("hmac")]
