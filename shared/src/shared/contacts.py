"""Contacts: the one canonical form of a phone and an e-mail address, and how they are shown masked."""

import re
from collections.abc import Collection

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import PhoneNumberType

_PHONE_TEXT = re.compile(r"\+?[0-9][0-9 ().\-\u00a0]{4,30}")
_REFUSED_TYPES = (
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UNKNOWN,
)
DOTS = "•••"


def canonical_phone(text: str, countries: Collection[str] = ("RU",)) -> str | None:
    """E.164, or None where it is no valid number of these countries (ISO codes; the first is the default one).

    Ten digits, `8…` and `+7…` are the same number. Fixed lines pass, premium numbers do not.
    """
    if not _PHONE_TEXT.fullmatch(text.strip()):
        return None
    try:
        number = phonenumbers.parse(text, next(iter(countries)))
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.region_code_for_number(number) not in countries:
        return None
    if phonenumbers.number_type(number) in _REFUSED_TYPES:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def canonical_email(text: str) -> str | None:
    """The address as it is sent to (domain lower-case, Unicode normalised), or None where it cannot be one."""
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def mask_email(address: str) -> str:
    """`petrova@mail.ru` as `pe•••@mail.ru`; of a name of one or two letters only the first."""
    name, _, domain = address.rpartition("@")
    return f"{name[: 2 if len(name) > 2 else 1]}{DOTS}@{domain}"


def mask_phone(e164: str) -> str:
    """`+79123456789` as `+7 912 •••-••-89`; of another country's only the code's begin and two last digits."""
    if e164.startswith("+7") and len(e164) == 12:
        return f"+7 {e164[2:5]} {DOTS}-••-{e164[-2:]}"
    return f"{e164[:3]} {DOTS} {e164[-2:]}"
