"""Keys: JWK Sets from mounted files. A `kid` is `<service>-<purpose>-<8 hex>`; a purpose's first key is current."""

import hashlib
import hmac
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey, OKPKey


class KeyMissing(Exception):
    """No key of that purpose, or of that name, in the mounted file."""


def _read(path: Path) -> KeySet:
    try:
        return KeySet.import_key_set(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError, JoseError) as problem:
        raise KeyMissing(f"{path} cannot be read as a JWK Set: {type(problem).__name__}") from None


@dataclass(eq=False)
class PublicKeys:
    """The one public JWK Set of all services, read again when the file changes."""

    path: Path
    _keys: KeySet = field(init=False)
    _stamp: tuple[int, int, int] = field(init=False)
    _found: dict[tuple[str, str], KeySet] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._stamp = self._seen()
        self._keys = _read(self.path)

    def _seen(self) -> tuple[int, int, int]:
        try:
            status = self.path.stat()
        except OSError:
            return 0, 0, 0
        return status.st_mtime_ns, status.st_ino, status.st_size

    def of(self, service: str, purpose: str) -> KeySet:
        """The keys of that service and purpose; an empty set is a `KeyMissing`."""
        self.version()
        if (known := self._found.get((service, purpose))) is not None:
            return known
        found = [key for key in self._keys.keys if (key.kid or "").startswith(f"{service}-{purpose}-")]
        if not found:
            raise KeyMissing(f"{self.path} has no key named {service}-{purpose}-…")
        return self._found.setdefault((service, purpose), KeySet(found))

    def version(self) -> tuple[int, int, int]:
        """Another one as soon as the file has other keys. While it is being replaced, or is damaged, the last stay."""
        if (seen := self._seen()) != self._stamp:
            with suppress(KeyMissing):
                self._keys, self._stamp = _read(self.path), seen
                self._found.clear()
        return self._stamp

    def current_okp(self, service: str, purpose: str) -> OKPKey:
        key = self.of(service, purpose).keys[0]
        assert isinstance(key, OKPKey)
        return key


@dataclass
class PrivateKeys:
    """A service's own secret keys, read once at start."""

    path: Path
    _keys: KeySet = field(init=False)
    _found: dict[tuple[str, str | None], tuple[str, bytes]] = field(init=False, default_factory=dict, repr=False)
    """An import asks for one key a million times."""

    def __post_init__(self) -> None:
        self._keys = _read(self.path)

    def all(self, purpose: str) -> list[OctKey | OKPKey]:
        """Every key of the purpose, the current one first."""
        found = [
            key
            for key in self._keys.keys
            if isinstance(key, OctKey | OKPKey) and (key.kid or "").rsplit("-", 1)[0].endswith(f"-{purpose}")
        ]
        if not found:
            raise KeyMissing(f"{self.path} has no key for {purpose}")
        return found

    def signing(self) -> OKPKey:
        key = self.all("sign")[0]
        assert isinstance(key, OKPKey)
        return key

    def secret(self, purpose: str, kid: str | None = None) -> tuple[str, bytes]:
        """The name and bytes of the current symmetric key of the purpose, or of the one named."""
        if (known := self._found.get((purpose, kid))) is not None:
            return known
        for key in self.all(purpose):
            if isinstance(key, OctKey) and kid in (None, key.kid):
                return self._found.setdefault((purpose, kid), (key.kid or "", key.raw_value))
        raise KeyMissing(f"{self.path} has no key named {kid}")

    def hmac(self, label: str, *parts: str, kid: str | None = None) -> bytes:
        """32 bytes of HMAC-SHA-256 under the `hmac` key. `label` keeps one use apart from another."""
        _, secret = self.secret("hmac", kid)
        message = "\x1f".join((label, *parts)).encode()
        return hmac.new(secret, message, hashlib.sha256).digest()

    def encrypt(self, purpose: str, plaintext: bytes, bound_to: str) -> str:
        """AES-256-GCM under the purpose's current key, which the text names; `bound_to` is needed again to open it."""
        kid, secret = self.secret(purpose)
        nonce = secrets.token_bytes(12)
        return f"{kid}:{(nonce + _aes(secret, purpose).encrypt(nonce, plaintext, bound_to.encode())).hex()}"

    def decrypt(self, purpose: str, encrypted: str, bound_to: str) -> bytes:
        """Raises `CannotDecrypt` where the text was changed or moved, `KeyMissing` where its key is lost."""
        kid, _, body = encrypted.rpartition(":")
        _, secret = self.secret(purpose, kid)
        try:
            raw = bytes.fromhex(body)
            return _aes(secret, purpose).decrypt(raw[:12], raw[12:], bound_to.encode())
        except (InvalidTag, ValueError):
            raise CannotDecrypt(f"a value under {kid} was damaged or moved") from None


class CannotDecrypt(Exception):
    """The encrypted value is not what was written, or not for this row."""


@lru_cache(maxsize=64)
def _aes(secret: bytes, purpose: str) -> AESGCM:
    """A key of its own for encryption, so that one secret may serve HMAC and AES."""
    return AESGCM(hmac.new(secret, f"aes-256-gcm {purpose}".encode(), hashlib.sha256).digest())
