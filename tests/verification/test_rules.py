"""The rules by value: how codes are made and typed, what a guess is worth, which numbers are read how."""

from collections import Counter
from collections.abc import Callable
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from shared.contacts import canonical_phone
from shared.keys import PrivateKeys
from verification import numbers, rules
from verification.numbers import Number
from verification.rules import PhoneInvalid, PhoneNotServed


def test_a_million_codes_are_uniform(keys: Path, tell: Callable[[str], None]) -> None:
    """Chi-square over all 100,000 codes and over each digit; 6 standard deviations are 1 false alarm in 10^9."""
    hmac_of = PrivateKeys(keys / "verification.private.jwks.json").hmac
    count = 1_000_000

    codes = Counter(rules.code_from(hmac_of("code", str(uuid7())), 5) for _ in range(count))

    expected, cells = count / 100_000, 100_000
    chi_square = sum((seen - expected) ** 2 for seen in codes.values()) / expected + (cells - len(codes)) * expected
    deviations = (chi_square - (cells - 1)) / sqrt(2 * (cells - 1))
    tell(f"10^6 codes: chi-square {chi_square:,.0f} on {cells - 1:,} degrees, {deviations:+.2f} standard deviations")
    assert abs(deviations) < 6
    for place in range(5):
        digits: Counter[str] = Counter()
        for code, seen in codes.items():
            digits[code[place]] += seen
        assert set(digits) == set("0123456789")
        assert all(abs(seen - count / 10) < 6 * sqrt(count * 0.09) for seen in digits.values())


def test_leading_zeros_are_kept() -> None:
    assert rules.code_from((7).to_bytes(32), 5) == "00007"
    assert rules.code_from((100_000).to_bytes(32), 5) == "00000"


@given(st.binary(min_size=32, max_size=32), st.integers(4, 10))
def test_code_has_its_digits_and_is_read_as_it_was_made(digest: bytes, digits: int) -> None:
    code = rules.code_from(digest, digits)

    assert len(code) == digits
    assert rules.typed_code(f" {code[:2]} {code[2:]} ") == code


@given(
    st.text(min_size=1).filter(
        lambda text: not set(text) <= set("0123456789 -\u00a0\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85")
    )
)
def test_only_ascii_digits_are_a_code(typed: str) -> None:
    found = rules.typed_code(typed)

    assert found is None or set(found) <= set("0123456789")


def test_guess_bounds_of_the_defaults() -> None:
    bounds = rules.guess_bounds(digits=5, checks=5, wrong_checks_per_day=10)

    assert (bounds.per_code, bounds.per_phone_day) == (5e-5, 1e-4)
    assert bounds.per_phone_year == pytest.approx(0.0358, abs=1e-4)


@given(st.integers(4, 10), st.integers(1, 50), st.integers(1, 500))
def test_guess_bounds_are_probabilities_in_their_order(digits: int, checks: int, wrong_per_day: int) -> None:
    bounds = rules.guess_bounds(digits, checks, wrong_per_day)

    assert 0 < bounds.per_code <= bounds.per_phone_day <= bounds.per_phone_year <= 1


@pytest.mark.parametrize(
    ("ages", "limit", "wait"),
    [([10, 100, 3000], 3, 600), ([10, 100, 3000], 2, 3500), ([3599.9], 1, 1), ([], 1, 1)],
)
def test_wait_is_until_the_window_holds_fewer(ages: list[float], limit: int, wait: int) -> None:
    assert rules.wait_seconds(ages, limit, 3600) == wait


@pytest.mark.parametrize("text", ["8 912 345-67-89", "9123456789", "+7 (912) 345 67 89", "79123456789", "+79123456789"])
def test_ways_to_write_a_number_are_one_number(text: str) -> None:
    assert numbers.read(text, "RU") == Number("+79123456789", "RU")


def test_prefix_is_the_number_without_its_last_four_digits() -> None:
    assert Number("+79123456789", "RU").prefix == "+7912345"


@pytest.mark.parametrize("text", ["12", "phone", "８９１２３４５６７８９", "+7 000 000-00-00", "8 912 345-67-89 ext 5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(PhoneInvalid) as refused:
        numbers.read(text, "RU")

    assert not isinstance(refused.value, PhoneNotServed)


@given(st.from_regex(r"\+?[0-9][0-9 ()\-]{6,14}", fullmatch=True))
def test_what_is_served_is_what_identity_takes_for_a_phone(text: str) -> None:
    try:
        number = numbers.read(text, "RU")
        numbers.require_served(number, ("RU",))
        served = number.e164
    except PhoneInvalid:
        served = None

    assert served == canonical_phone(text, ("RU",))
