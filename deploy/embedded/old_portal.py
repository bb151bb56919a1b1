"""Password hashes as the old portals of the last twenty years wrote them, for the sample and for tests."""

import base64
import hashlib
import random
from collections.abc import Callable

import argon2
import bcrypt
from passlib.hash import md5_crypt, phpass, sha512_crypt


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bcrypt(mark: str, cost: int) -> Callable[[str, random.Random], str]:
    def made(password: str, _: random.Random) -> str:
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode().replace("$2b$", mark, 1)

    return made


def _argon2(kind: argon2.Type) -> Callable[[str, random.Random], str]:
    return lambda password, _: argon2.PasswordHasher(2, 8192, 1, type=kind).hash(password)


def _ssha(password: str, rng: random.Random) -> str:
    salt = rng.randbytes(8)
    return "{SSHA}" + _base64(hashlib.sha1(password.encode() + salt).digest() + salt)


def _salted_sha1(password: str, rng: random.Random) -> str:
    salt = rng.randbytes(4).hex()
    return f"sha1${salt}${hashlib.sha1((salt + password).encode()).hexdigest()}"


def _django(algorithm: str) -> Callable[[str, random.Random], str]:
    def made(password: str, rng: random.Random) -> str:
        salt = rng.randbytes(8).hex()
        key = hashlib.pbkdf2_hmac(algorithm, password.encode(), salt.encode(), 20_000)
        return f"pbkdf2_{algorithm}$20000${salt}${_base64(key)}"

    return made


def _aspnet_v2(password: str, rng: random.Random) -> str:
    salt = rng.randbytes(16)
    return _base64(b"\x00" + salt + hashlib.pbkdf2_hmac("sha1", password.encode(), salt, 1000, 32))


def _aspnet_v3(prf: int, algorithm: str) -> Callable[[str, random.Random], str]:
    def made(password: str, rng: random.Random) -> str:
        salt = rng.randbytes(16)
        head = b"\x01" + b"".join(number.to_bytes(4, "big") for number in (prf, 10_000, len(salt)))
        return _base64(head + salt + hashlib.pbkdf2_hmac(algorithm, password.encode(), salt, 10_000, 32))

    return made


HASHES: dict[str, Callable[[str, random.Random], str]] = {
    "md5": lambda password, _: hashlib.md5(password.encode("cp1251")).hexdigest(),
    "bcrypt 2y": _bcrypt("$2y$", 8),
    "sha1": lambda password, _: hashlib.sha1(password.encode("cp1251")).hexdigest().upper(),
    "bcrypt 2a": _bcrypt("$2a$", 6),
    "bcrypt 2b": _bcrypt("$2b$", 10),
    "argon2id": _argon2(argon2.Type.ID),
    "argon2i": _argon2(argon2.Type.I),
    "argon2d": _argon2(argon2.Type.D),
    "md5-crypt": lambda password, _: str(md5_crypt.hash(password)),
    "sha512-crypt": lambda password, _: str(sha512_crypt.using(rounds=5000).hash(password)),
    "phpass": lambda password, _: str(phpass.using(rounds=11).hash(password)),
    "phpass of phpBB": lambda password, _: str(phpass.using(rounds=11, ident="$H$").hash(password)),
    "ssha": _ssha,
    "aspnet v2": _aspnet_v2,
    "aspnet v3 sha1": _aspnet_v3(0, "sha1"),
    "aspnet v3 sha256": _aspnet_v3(1, "sha256"),
    "aspnet v3 sha512": _aspnet_v3(2, "sha512"),
    "sha1$salt": _salted_sha1,
    "django sha256": _django("sha256"),
    "django sha1": _django("sha1"),
}
