"""The old portal's password hashes: which kinds are known, what they may cost, whether a password fits."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import argon2
import bcrypt
from passlib.hash import apr_md5_crypt, md5_crypt, phpass, sha256_crypt, sha512_crypt

MAX_TEXT = 1024
# sha512-crypt's work grows with the square of the password; no form ever took one this long.
MAX_PASSWORD_BYTES = 1024
BCRYPT_PASSWORD_BYTES = 72

_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
PHPASS_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ASPNET_PRF = {0: "sha1", 1: "sha256", 2: "sha512"}
_ARGON2_TYPES = {"i": argon2.Type.I, "d": argon2.Type.D, "id": argon2.Type.ID}

Fits = Callable[[bytes], bool]


class UnknownHash(ValueError):
    """None of the kinds that can be verified. The text says no word of the hash."""


class TooCostly(ValueError):
    """A known kind, with a cost that one login must not be able to burn."""


@dataclass(frozen=True)
class Costs:
    """What an imported hash may cost at most.

    Each default is about a second of one core, for a row that anyone may try; it lies above what any portal's software
    has had as its default.
    """

    bcrypt_cost: int = 14
    crypt_rounds: int = 1_000_000
    phpass_log2_rounds: int = 20
    pbkdf2_iterations: int = 2_000_000
    argon2_kib: int = 256 * 1024
    argon2_kib_passes: int = 1024 * 1024
    argon2_lanes: int = 16


# What was imported is verified whatever may be imported now.
_ANY = Costs(*(10**9,) * 7)


@dataclass(frozen=True)
class OldHash:
    """A hash that can be verified. `kind` names the scheme and its cost (`bcrypt:10`): equal kinds do equal work."""

    kind: str
    fits: Fits


Reader = Callable[[re.Match[str], Costs], OldHash]


def parse(hash_text: str, most: Costs = _ANY) -> OldHash:
    """The hash behind the old portal's text. Raises `UnknownHash`, or `TooCostly` above `most`."""
    if len(hash_text) <= MAX_TEXT and hash_text.isascii():
        for pattern, read in _READERS.items():
            if found := pattern.fullmatch(hash_text):
                return read(found, most)
    raise UnknownHash("the password hash is of no known kind")


def verify(old: OldHash, password: str) -> bool:
    """Whether the password is right. Takes up to about a second of CPU: call it in a thread.

    Its bytes are tried as UTF-8 and as cp1251, both whatever the first says, so that the time tells nothing. A NUL or
    more than 1,024 bytes never fit, after the same work: the old forms could send neither. bcrypt sees the first 72
    bytes, as it did in every old portal.
    """
    tries = {password.encode(errors="replace"), *_as_cp1251(password)}
    sendable = "\0" not in password and all(len(raw) <= MAX_PASSWORD_BYTES for raw in tries)
    told = [old.fits(raw.replace(b"\0", b"?")[:MAX_PASSWORD_BYTES]) for raw in sorted(tries)]
    return any(told) and sendable


def _as_cp1251(password: str) -> list[bytes]:
    try:
        return [password.encode("cp1251")]
    except UnicodeEncodeError:
        return []


def _limit(value: int, limit: int, what: str) -> int:
    if value > limit:
        raise TooCostly(f"the password hash is too costly: {what} {value} is above {limit}")
    return value


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise UnknownHash("the password hash is not whole: its base64 is broken") from None


def _bcrypt(found: re.Match[str], most: Costs) -> OldHash:
    cost = _limit(int(found["cost"]), most.bcrypt_cost, "bcrypt's cost")
    if cost < 4:
        raise UnknownHash("the password hash has a bcrypt cost below 4")
    # Some portals wrote arbitrary bits behind the salt's 128; the library insists on zeros.
    salt = f"$2b${cost:02d}${found['salt'][:21]}{_leading_bits(found['salt'][21], 2)}".encode()
    digest = (found["digest"][:30] + _leading_bits(found["digest"][30], 4)).encode()

    key = _sign_extended if found["minor"] == "x" else _cut

    def fits(raw: bytes) -> bool:
        return hmac.compare_digest(bcrypt.hashpw(key(raw), salt)[29:], digest)

    return OldHash(f"bcrypt:{cost}", fits)


def _cut(raw: bytes) -> bytes:
    return raw[:BCRYPT_PASSWORD_BYTES]


def _sign_extended(raw: bytes) -> bytes:
    """The key that crypt_blowfish before 1.1 ($2x$) made of a password.

    A byte beyond ASCII was taken for a negative number, so it made ones of all bits before it in its word of four.
    """
    whole = (raw + b"\0") * (BCRYPT_PASSWORD_BYTES // (len(raw) + 1) + 1)
    key = bytearray(whole[:BCRYPT_PASSWORD_BYTES])
    for place, byte in enumerate(whole[:BCRYPT_PASSWORD_BYTES]):
        if byte >= 0x80:
            first = place // 4 * 4
            key[first:place] = b"\xff" * (place - first)
    return bytes(key)


def _leading_bits(letter: str, bits: int) -> str:
    """The letter with all of its six bits but the first `bits` zeroed."""
    unused = 6 - bits
    return _BCRYPT_ALPHABET[_BCRYPT_ALPHABET.index(letter) >> unused << unused]


def _argon2(found: re.Match[str], most: Costs) -> OldHash:
    memory, passes, lanes = int(found["m"]), int(found["t"]), int(found["p"])
    _limit(memory, most.argon2_kib, "argon2's memory in KiB")
    _limit(memory * passes, most.argon2_kib_passes, "argon2's memory in KiB times its passes")
    _limit(lanes, most.argon2_lanes, "argon2's lanes")
    salt, digest = _base64(found["salt"]), _base64(found["digest"])
    if passes < 1 or lanes < 1 or memory < 8 * lanes or len(salt) < 8 or not 4 <= len(digest) <= 512:
        raise UnknownHash("the password hash has parameters that argon2 does not allow")
    text, kind = found[0].encode(), _ARGON2_TYPES[found["type"]]

    def fits(raw: bytes) -> bool:
        try:
            return argon2.low_level.verify_secret(text, raw, kind)
        except argon2.exceptions.VerifyMismatchError:
            return False

    return OldHash(f"argon2{found['type']}:{memory},{passes},{lanes}", fits)


def _crypt(handler: type, name: str, usual_rounds: int, found: re.Match[str], most: Costs) -> OldHash:
    """md5-crypt, sha256-crypt, sha512-crypt, phpass: libpass verifies them, and reads whatever the patterns let in."""
    rounds = int(found.groupdict().get("rounds") or usual_rounds)
    _limit(rounds, most.crypt_rounds, "the number of rounds")
    return OldHash(f"{name}:{rounds}", partial(_libpass_fits, handler, found[0]))


def _libpass_fits(handler: type, text: str, raw: bytes) -> bool:
    return bool(handler.verify(raw, text))  # type: ignore[attr-defined]


def _phpass(found: re.Match[str], most: Costs) -> OldHash:
    log2 = PHPASS_ALPHABET.index(found["log2"])
    _limit(log2, most.phpass_log2_rounds, "phpass's log2 of the rounds")
    return _crypt(phpass, "phpass", 1 << log2, found, _ANY)


def _pbkdf2(kind: str, algorithm: str, iterations: int, salt: bytes, digest: bytes, most: Costs) -> OldHash:
    # A digest longer than the hash's costs the iterations again.
    blocks = -(-len(digest) // hashlib.new(algorithm).digest_size)
    _limit(iterations * blocks, most.pbkdf2_iterations, "the number of PBKDF2 iterations")
    if iterations < 1 or not 16 <= len(digest) <= 64:
        raise UnknownHash("the password hash has parameters that PBKDF2 does not allow")

    def fits(raw: bytes) -> bool:
        return hmac.compare_digest(hashlib.pbkdf2_hmac(algorithm, raw, salt, iterations, len(digest)), digest)

    return OldHash(f"{kind}:{algorithm},{iterations},{len(digest)}", fits)


def _django(found: re.Match[str], most: Costs) -> OldHash:
    salt, digest = found["salt"].encode(), _base64(found["digest"])
    return _pbkdf2("django", found["hash"], int(found["iterations"]), salt, digest, most)


def _aspnet(found: re.Match[str], most: Costs) -> OldHash:
    """ASP.NET Identity: version 2 is 0, salt 16, key 32; version 3 is 1, PRF, iterations, salt length, salt, key."""
    raw = _base64(found[0])
    if raw[0] == 0 and len(raw) == 49:
        return _pbkdf2("aspnet", "sha1", 1000, raw[1:17], raw[17:], most)
    prf, iterations, salt_length = (int.from_bytes(raw[start : start + 4], "big") for start in (1, 5, 9))
    if raw[0] != 1 or prf not in _ASPNET_PRF or not 16 <= salt_length <= len(raw) - 13:
        raise UnknownHash("the password hash is of no known kind")
    salt, digest = raw[13 : 13 + salt_length], raw[13 + salt_length :]
    return _pbkdf2("aspnet", _ASPNET_PRF[prf], iterations, salt, digest, most)


def _ldap_sha(found: re.Match[str], _most: Costs) -> OldHash:
    raw = _base64(found["digest"])
    salted = found["salted"] != ""
    if len(raw) <= 20 if salted else len(raw) != 20:
        raise UnknownHash("the password hash is not whole: it is too short or too long for {SSHA} or {SHA}")
    return _digest("ssha" if salted else "sha1", "sha1", raw[:20], after=raw[20:])


def _salted_sha1(found: re.Match[str], _most: Costs) -> OldHash:
    return _digest("sha1$", "sha1", bytes.fromhex(found["digest"]), before=found["salt"].encode())


def _bare(algorithm: str, found: re.Match[str], _most: Costs) -> OldHash:
    return _digest(algorithm, algorithm, bytes.fromhex(found[0]))


def _digest(kind: str, algorithm: str, digest: bytes, before: bytes = b"", after: bytes = b"") -> OldHash:
    def fits(raw: bytes) -> bool:
        return hmac.compare_digest(hashlib.new(algorithm, before + raw + after).digest(), digest)

    return OldHash(kind, fits)


def _pattern(text: str) -> re.Pattern[str]:
    """H stands for a letter of crypt's base64 alphabet, B for one of the usual."""
    return re.compile(text.replace("<H>", "[./0-9A-Za-z]").replace("<B>", "[A-Za-z0-9+/]"))


_READERS: dict[re.Pattern[str], Reader] = {
    _pattern(r"\$2(?P<minor>[abxy])\$(?P<cost>[0-9]{2})\$(?P<salt><H>{22})(?P<digest><H>{31})"): _bcrypt,
    _pattern(
        r"\$argon2(?P<type>id|i|d)(\$v=(16|19))?\$m=(?P<m>[0-9]{1,9}),t=(?P<t>[0-9]{1,9}),p=(?P<p>[0-9]{1,9})"
        r"\$(?P<salt><B>+)\$(?P<digest><B>+)"
    ): _argon2,
    _pattern(r"\$1\$<H>{0,8}\$<H>{22}"): partial(_crypt, md5_crypt, "md5-crypt", 1000),
    _pattern(r"\$apr1\$<H>{0,8}\$<H>{22}"): partial(_crypt, apr_md5_crypt, "apr1", 1000),
    _pattern(r"\$5\$(rounds=(?P<rounds>[1-9][0-9]{3,8})\$)?<H>{0,16}\$<H>{43}"): partial(
        _crypt, sha256_crypt, "sha256-crypt", 5000
    ),
    _pattern(r"\$6\$(rounds=(?P<rounds>[1-9][0-9]{3,8})\$)?<H>{0,16}\$<H>{86}"): partial(
        _crypt, sha512_crypt, "sha512-crypt", 5000
    ),
    _pattern(r"\$[PH]\$(?P<log2>[5-9A-S])<H>{8}<H>{22}"): _phpass,
    _pattern(r"pbkdf2_(?P<hash>sha256|sha1)\$(?P<iterations>[0-9]{1,9})\$(?P<salt>[^$]+)\$(?P<digest><B>+=*)"): _django,
    _pattern(r"sha1\$(?P<salt>[^$]*)\$(?P<digest>[0-9A-Fa-f]{40})"): _salted_sha1,
    _pattern(r"\{(?i:(?P<salted>S?)SHA)\}(?P<digest><B>+=*)"): _ldap_sha,
    _pattern(r"[0-9A-Fa-f]{32}"): partial(_bare, "md5"),
    _pattern(r"[0-9A-Fa-f]{40}"): partial(_bare, "sha1"),
    _pattern(r"A[A-Z]<B>{58,}=*"): _aspnet,
}
