"""Made-up old hashes: of a given kind, so as much work as a real one, and nobody's."""

import base64

from identity.old_hashes import PHPASS_ALPHABET

_SALT = bytes(range(7, 23))
_PRF = {"sha1": 0, "sha256": 1, "sha512": 2}
_DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}


def made_up(kind: str) -> str:
    """The text of a hash whose kind is `kind` (`old_hashes.OldHash`) and that no password is known to fit.

    Raises `ValueError` for a kind that no hash has.
    """
    scheme, _, figures = kind.partition(":")
    cost = figures.split(",")
    match scheme:
        case "bcrypt":
            return f"$2b${int(figures):02d}${'.' * 21}e{'.' * 31}"
        case "argon2i" | "argon2d" | "argon2id":
            salt, digest = (base64.b64encode(raw).decode().rstrip("=") for raw in (_SALT, bytes(32)))
            return f"${scheme}$v=19$m={cost[0]},t={cost[1]},p={cost[2]}${salt}${digest}"
        case "md5-crypt" | "apr1":
            return f"${'1' if scheme == 'md5-crypt' else 'apr1'}$saltsalt${'.' * 22}"
        case "sha256-crypt":
            return f"$5$rounds={figures}$saltsaltsaltsalt${'.' * 43}"
        case "sha512-crypt":
            return f"$6$rounds={figures}$saltsaltsaltsalt${'.' * 86}"
        case "phpass":
            return f"$P${PHPASS_ALPHABET[int(figures).bit_length() - 1]}saltsalt{'.' * 22}"
        case "django":
            return f"pbkdf2_{cost[0]}${cost[1]}$saltsaltsalt${_base64(bytes(_digest_bytes(cost)))}"
        case "aspnet":
            numbers = b"".join(number.to_bytes(4, "big") for number in (_PRF[cost[0]], int(cost[1]), len(_SALT)))
            return _base64(b"\x01" + numbers + _SALT + bytes(_digest_bytes(cost)))
        case "ssha":
            return "{SSHA}" + _base64(bytes(20) + _SALT[:8])
        case "sha1$":
            return f"sha1$saltsalt${'0' * 40}"
        case "sha1":
            return "0" * 40
        case "md5":
            return "0" * 32
    raise ValueError(f"no old hash is of the kind {kind}")


def _digest_bytes(cost: list[str]) -> int:
    """Kinds that release 0.1.0 wrote do not tell the digest's length."""
    return int(cost[2]) if len(cost) > 2 else _DIGEST_BYTES[cost[0]]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
