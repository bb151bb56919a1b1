"""The rules of codes: how one is made, how it is typed, what is refused."""

import re

from shared.languages import _
from shared.refusals import Refusal

_SPACES = re.compile(r"[\s\u00a0-]+")
_ASCII_DIGITS = re.compile(r"[0-9]+")


class PhoneInvalid(Refusal):
    code = "phone-invalid"
    field = "phone"
    detail = _("Check the number. For example, +7 912 345-67-89.")


class TooManyCodes(Refusal):
    status = 429
    code = "too-many-codes"
    detail = _("A code has just gone to this number, or many did today. Ask again later.")


class CodesUnavailable(Refusal):
    """Limits or codes cannot be counted now, so nothing is sent and nothing is accepted."""

    status = 503
    code = "codes-unavailable"
    detail = _("Codes are not going out right now. Try again in a couple of minutes.")


class WrongCode(Refusal):
    code = "wrong-code"
    detail = _("The code did not match. Check it and try again.")


class CodeNotValid(Refusal):
    """Expired, used up, used or unknown: alike."""

    status = 410
    code = "code-not-valid"
    detail = _("This code no longer works. Ask for a new one.")


def code_from(digest: bytes, digits: int) -> str:
    """The code's digits from 32 uniformly distributed bytes; leading zeros kept (modulo bias below 10^-70)."""
    return f"{int.from_bytes(digest) % 10**digits:0{digits}d}"


def typed_code(text: str) -> str | None:
    """What was typed, without spaces and hyphens; None where it is anything but ASCII digits."""
    bare = _SPACES.sub("", text)
    return bare if _ASCII_DIGITS.fullmatch(bare) else None
