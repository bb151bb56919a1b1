"""The rules of codes: how one is made and typed, what guards them, what is refused, and what a guess is worth."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import ClassVar

from shared.languages import _
from shared.refusals import Refusal

LAST_SEND_SECONDS = 45
"""A code that ends sooner is not sent again: the notifier hands over nothing within 30 s of the end (promise 20), and
the SMS needs its way there. It would be paid for and never read."""
HOUR_SECONDS = 3600
DAY_SECONDS = 86_400

_SPACES = re.compile(r"[\s\u00a0-]+")
_ASCII_DIGITS = re.compile(r"[0-9]+")


class Rule(StrEnum):
    """What refused a code, as it is kept, shown to support and counted in the metrics."""

    COUNTRY_NOT_SERVED = "country-not-served"
    PREMIUM_NUMBER = "premium-number"
    RESEND = "resend"
    PHONE_DAY = "phone-day"
    CHECKS_DAY = "checks-day"
    ADDRESS_HOUR = "address-hour"
    PREFIX_HOUR = "prefix-hour"
    COUNTRY_HOUR = "country-hour"
    MONEY_HOUR = "money-hour"
    MONEY_DAY = "money-day"


class Ruled(Refusal):
    """A refusal that is kept, with the rule that made it."""

    def __init__(self, rule: Rule, *, retry_after: int | None = None) -> None:
        super().__init__(retry_after=retry_after)
        self.rule = rule


class PhoneInvalid(Refusal):
    code = "phone-invalid"
    field = "phone"
    detail = _("Check the number. For example, +7 912 345-67-89.")


class PhoneNotServed(Ruled, PhoneInvalid):
    """A valid number that gets no codes: of a country that is not served, or a premium one."""


class TooManyCodes(Ruled):
    status: ClassVar[int] = 429
    code = "too-many-codes"
    detail = _("A code has just gone to this number, or many did today. Ask again later.")


class TooManyCodesAround(TooManyCodes):
    """The address, the number's range or its country has had its share."""

    detail = _("Too many codes were asked for. Ask again later.")


class CodesUnavailable(Refusal):
    """Limits or codes cannot be counted now, so nothing is sent and nothing is accepted."""

    status: ClassVar[int] = 503
    code = "codes-unavailable"
    detail = _("Codes are not going out right now. Try again in a couple of minutes.")


class MoneySpent(Ruled, CodesUnavailable):
    """The money of the hour or the day is spent: nothing goes out to anybody."""


class WrongCode(Refusal):
    code = "wrong-code"
    detail = _("The code did not match. Check it and try again.")


class CodeNotValid(Refusal):
    """Expired, used up, used or unknown: alike."""

    status: ClassVar[int] = 410
    code = "code-not-valid"
    detail = _("This code no longer works. Ask for a new one.")


class ChecksSpent(Ruled, CodeNotValid):
    """The phone's day bears no further try, whatever the code."""


def code_from(digest: bytes, digits: int) -> str:
    """The code's digits from 32 uniformly distributed bytes; leading zeros kept (modulo bias below 10^-70)."""
    return f"{int.from_bytes(digest) % 10**digits:0{digits}d}"


def typed_code(text: str) -> str | None:
    """What was typed, without spaces and hyphens; None where it is anything but ASCII digits."""
    bare = _SPACES.sub("", text)
    return bare if _ASCII_DIGITS.fullmatch(bare) else None


def wait_seconds(ages: Sequence[float], limit: int, window_seconds: int) -> int:
    """Whole seconds until fewer than `limit` of these ages lie in the window; at least 1."""
    newest = sorted(ages)[:limit]
    return max(1, ceil(window_seconds - newest[-1])) if len(newest) == limit else 1


def messages(money: Decimal, price: Decimal) -> int:
    """How many SMS the money buys."""
    return int(money // price)


@dataclass(frozen=True)
class GuessBounds:
    """The most that guessing can win, as probabilities, whatever the guesser does within the limits (promise 13)."""

    per_code: float
    per_phone_day: float
    per_phone_year: float


def guess_bounds(digits: int, checks: int, wrong_checks_per_day: int) -> GuessBounds:
    """By the union bound: a try wins at most one of 10^digits codes, and no window of 24 h holds more wrong tries."""
    codes = 10**digits
    day = min(1.0, wrong_checks_per_day / codes)
    return GuessBounds(
        per_code=min(1.0, min(checks, wrong_checks_per_day) / codes),
        per_phone_day=day,
        per_phone_year=1 - (1 - day) ** 365,
    )
