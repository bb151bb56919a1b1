"""Old hashes at rest: encrypted with a key from a file, and the marks of those that opened their last door."""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache

from identity.made_up_hashes import made_up
from identity.old_hashes import OldHash, parse
from shared.keys import PrivateKeys

_made_up = lru_cache(maxsize=256)(made_up)


def encrypted(keys: PrivateKeys, account_number: str, hash_text: str) -> str:
    """The encrypted hash, which can be read for this account number only."""
    return keys.encrypt("legacy", hash_text.encode(), bound_to=account_number)


def decrypted(keys: PrivateKeys, account_number: str, value: str) -> OldHash:
    """The hash again. A value that was changed or moved to another row raises `CannotDecrypt`."""
    return parse(keys.decrypt("legacy", value, bound_to=account_number).decode())


def reencrypted(keys: PrivateKeys, account_number: str, value: str) -> str:
    """The same hash under the current key."""
    return keys.encrypt("legacy", keys.decrypt("legacy", value, bound_to=account_number), bound_to=account_number)


def decoy(keys: PrivateKeys, account_number: str, kind: str) -> OldHash:
    """A hash of the kind that no password fits, for a number that nobody has; decrypted as a real one is."""
    return decrypted(keys, account_number, encrypted(keys, account_number, _made_up(kind)))


def mark(keys: PrivateKeys, account_number: str) -> bytes:
    """What stays of an account number whose old credential was used, reset, erased or moved."""
    return keys.hmac("legacy-number", account_number)


def marks(keys: PrivateKeys, account_number: str) -> list[bytes]:
    """The mark under every key that ever made one: where one of them stands, the credential never comes back."""
    return [keys.hmac("legacy-number", account_number, kid=key.kid) for key in keys.all("hmac")]


def marker(keys: PrivateKeys) -> Callable[[str], list[bytes]]:
    """`marks` for a great many numbers: each key is taken up once."""
    begun = [
        hmac.new(keys.secret("hmac", key.kid)[1], b"legacy-number\x1f", hashlib.sha256) for key in keys.all("hmac")
    ]

    def marks_of(account_number: str) -> list[bytes]:
        made = [one.copy() for one in begun]
        for one in made:
            one.update(account_number.encode())
        return [one.digest() for one in made]

    return marks_of
