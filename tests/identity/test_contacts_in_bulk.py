"""Contacts of a great many people: the short way says what the long way says."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from identity.contacts_in_bulk import bulk_email, bulk_phone
from shared.contacts import canonical_email, canonical_phone

LETTERS = st.text("abcXYZ019._-+ @яЁ\"'", min_size=1, max_size=20)
ADDRESSES = st.builds(
    "{}@{}".format,
    LETTERS,
    st.one_of(LETTERS, st.sampled_from(["mail.ru", "MAIL.RU", "x.local", "я.рф", "a..b", "b.test"])),
)
WRITTEN = st.builds(
    lambda begin, marks, digits: begin + "".join(f"{mark}{digit}" for mark, digit in zip(marks, digits, strict=True)),
    st.sampled_from(["", "+7", "7", "8", "+", "+ 7", "(8)", "+375", "8-", "+7 9", "89", "9"]),
    st.lists(st.sampled_from(["", "", "", " ", "-", "(", ")", ".", "\u00a0", "/"]), min_size=10, max_size=10),
    st.text("0123456789", min_size=10, max_size=10),
)


@given(st.one_of(ADDRESSES, st.emails()))
@example("a" * 64 + "@mail.ru")
@example("a" * 65 + "@mail.ru")
@example("a@" + "b." * 89 + "ru")
@example("Petrova@MAIL.ru")
@example("x@localhost")
@settings(max_examples=300, deadline=None)
def test_an_address_is_taken_as_the_long_way_takes_it(text: str) -> None:
    assert bulk_email(text.strip()) == canonical_email(text.strip())


@given(WRITTEN, st.sampled_from([("RU",), ("RU", "KZ"), ("KZ", "RU"), ("BY",)]))
@example("8 912 345-67-89", ("RU",))
@example("+79123456789", ("BY",))
@example("9123456789", ("BY",))
@example("79123456789", ("KZ",))
@example("8 (912) 345 67 89", ("RU",))
@example("(912) 345-67-89", ("RU",))
@example("+ 79000000000", ("RU",))
@example("8" + " " * 30 + "9123456789", ("RU",))
@settings(max_examples=300, deadline=None)
def test_a_number_is_taken_as_the_long_way_takes_it(text: str, countries: Sequence[str]) -> None:
    assert bulk_phone(text.strip(), tuple(countries)) == canonical_phone(text.strip(), countries)


@pytest.mark.parametrize("prefix", range(900, 1000))
def test_a_mobile_is_judged_by_all_of_its_digits(prefix: int) -> None:
    """Some blocks of 930 are nobody's."""
    for rest in ("0000000", "0059999", "0060000", "0999999", "5123456", "9999999"):
        assert bulk_phone(f"8{prefix}{rest}", ("RU",)) == canonical_phone(f"8{prefix}{rest}", ("RU",))
