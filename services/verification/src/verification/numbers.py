"""Phone numbers as the guards see them: the number, its range, its country."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers

from shared.contacts import canonical_phone
from verification.rules import PhoneInvalid, PhoneNotServed, Rule

_TEXT = re.compile(r"\+?[0-9][0-9 ().\-\u00a0]{4,30}")


@dataclass(frozen=True)
class Number:
    e164: str
    country: str
    """ISO code; `001` for numbers of no country."""

    @property
    def prefix(self) -> str:
        """The number without its last four digits: ten thousand numbers, as an operator hands them out."""
        return self.e164[:-4]


def read(text: str, home: str) -> Number:
    """Any valid number of the world, `home` being that of numbers without a country; else `PhoneInvalid`."""
    if not _TEXT.fullmatch(text.strip()):
        raise PhoneInvalid
    try:
        number = phonenumbers.parse(text, home)
    except phonenumbers.NumberParseException:
        raise PhoneInvalid from None
    if not phonenumbers.is_valid_number(number):
        raise PhoneInvalid
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Number(e164, phonenumbers.region_code_for_number(number) or "001")


def require_served(number: Number, countries: Collection[str]) -> None:
    """`PhoneNotServed` for a number that gets no codes; what passes is what identity takes for a phone too."""
    if number.country not in countries:
        raise PhoneNotServed(Rule.COUNTRY_NOT_SERVED)
    if canonical_phone(number.e164, countries) is None:
        raise PhoneNotServed(Rule.PREMIUM_NUMBER)
