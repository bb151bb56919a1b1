"""Contacts of a great many people in one form: what `shared.contacts` says of each, without asking it each time."""

import re
from functools import cache, lru_cache

from phonenumbers import PhoneMetadata

from shared.contacts import canonical_email, canonical_phone

# Of such an address the part before the @ is taken as it is, so only its domain has to be judged, once each.
_PLAIN_ADDRESS = re.compile(r"([A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)@([A-Za-z0-9.-]{1,180})")
_LOCAL_LONGEST = 64
# A Russian mobile's number is judged by one pattern, which phonenumbers has.
_MOBILE = re.compile(r"(\+7|8|7|)(9[0-9]{9})")
_BEGINNING = re.compile(r"\+?[0-9]")  # after a plus nothing may stand between
_PUNCTUATION = str.maketrans("", "", " ().-\u00a0")
_WRITTEN_LONGEST = 30


def bulk_email(text: str) -> str | None:
    """As `canonical_email`; an empty text is no address."""
    if not text:
        return None
    plain = _PLAIN_ADDRESS.fullmatch(text)
    if plain is None or len(plain[1]) > _LOCAL_LONGEST:
        return canonical_email(text)
    domain = _domain(plain[2])
    return None if domain is None else f"{plain[1]}@{domain}"


def bulk_phone(text: str, countries: tuple[str, ...]) -> str | None:
    """As `canonical_phone`; an empty text is no number."""
    if not text:
        return None
    mobile = _MOBILE.fullmatch(text.translate(_PUNCTUATION))
    if (
        mobile is None
        or len(text) > _WRITTEN_LONGEST
        or not _BEGINNING.match(text)
        or not (countries[0] == "RU" or (mobile[1] == "+7" and "RU" in countries))
        or not _russian_mobile().fullmatch(mobile[2])
    ):
        return canonical_phone(text, countries)
    return f"+7{mobile[2]}"


@lru_cache(maxsize=10_000)
def _domain(text: str) -> str | None:
    found = canonical_email(f"x@{text}")
    return None if found is None else found.removeprefix("x@")


@cache
def _russian_mobile() -> re.Pattern[str]:
    metadata = PhoneMetadata.metadata_for_region("RU")
    assert metadata is not None
    assert metadata.mobile is not None
    return re.compile(str(metadata.mobile.national_number_pattern))
