"""What people type and billing systems write: numbers, amounts, dates, names."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_link import rules
from shared.refusals import Refusal


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("67123456", "67123456"),
        ("00123456", "00123456"),
        (" 6712-3456 ", "67123456"),
        ("67\u00a0123\u202f456", "67123456"),
        ("6712\u20133456", "67123456"),
        ("12345", "12345"),
        ("12345678901234", "12345678901234"),
    ],
)
def test_account_number_loses_spaces_and_hyphens_and_keeps_leading_zeros(typed: str, kept: str) -> None:
    assert rules.account_number(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1234",
        "123456789012345",
        "6712345a",
        "６７１２３４５６",
        "٦٧١٢٣٤٥٦",
        "+67123456",
        "671.23456",
        "6712\x003456",
    ],
)
def test_what_has_not_the_form_of_an_account_number_is_refused(typed: str) -> None:
    with pytest.raises(rules.AccountNumberInvalid):
        rules.account_number(typed)


@pytest.mark.parametrize(
    ("typed", "kopecks"),
    [("1234.00", 123400), ("1234,00", 123400), ("0.01", 1), ("0007,50", 750), ("9999999999.99", 999999999999)],
)
def test_typed_amount_is_read_to_the_kopeck(typed: str, kopecks: int) -> None:
    assert rules.typed_kopecks(typed) == kopecks


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        ("1234", rules.AmountNeedsKopecks),
        ("1234.", rules.AmountNeedsKopecks),
        ("1234,5", rules.AmountNeedsKopecks),
        ("0", rules.AmountNeedsKopecks),
        ("0.00", rules.AmountZero),
        ("0,00", rules.AmountZero),
        ("1e3", rules.AmountInvalid),
        ("1e3.00", rules.AmountInvalid),
        ("１２３４.００", rules.AmountInvalid),
        ("١٢٣٤.٠٠", rules.AmountInvalid),
        ("1_000.00", rules.AmountInvalid),
        ("1 234.00", rules.AmountInvalid),
        ("NaN", rules.AmountInvalid),
        ("Infinity", rules.AmountInvalid),
        ("-1.00", rules.AmountInvalid),
        ("+1.00", rules.AmountInvalid),
        ("1234.005", rules.AmountInvalid),
        ("1,234.00", rules.AmountInvalid),
        ("0x10.00", rules.AmountInvalid),
        ("1234.00\n", rules.AmountInvalid),
        ("", rules.AmountInvalid),
        ("1" * 5000 + ".00", rules.AmountInvalid),
    ],
)
def test_amount_in_another_form_is_refused_by_name(typed: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        rules.typed_kopecks(typed)


@given(st.integers(min_value=1, max_value=10**12 - 1), st.sampled_from(".,"))
def test_every_amount_of_roubles_and_kopecks_is_read_back(kopecks: int, mark: str) -> None:
    written = f"{kopecks // 100}{mark}{kopecks % 100:02}"

    assert rules.typed_kopecks(written) == kopecks == rules.booked_kopecks(written)


@given(st.text(max_size=12))
def test_no_text_at_all_breaks_the_readers(text: str) -> None:
    for read in (rules.account_number, rules.typed_kopecks, rules.booked_kopecks, rules.booked_date, rules.alias):
        try:
            read(text)
        except (Refusal, ValueError):
            continue


@pytest.mark.parametrize(
    ("written", "kopecks"),
    [
        ("1234.00", 123400),
        ("1234,5", 123450),
        ("1234", 123400),
        ("1 234,00", 123400),
        ("1\u00a0234\u00a0567,89", 123456789),
        ("0.00", 0),
        ("-15,30", -1530),
    ],
)
def test_booked_amount_is_read_as_exports_write_it(written: str, kopecks: int) -> None:
    assert rules.booked_kopecks(written) == kopecks


@pytest.mark.parametrize(
    "written", ["", "1e3", "1.234,00", "1_000", "１２", "12.345", "1 23,00", "NaN", ".50", "1" * 400]
)
def test_booked_amount_that_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        rules.booked_kopecks(written)


def test_booked_dates_are_iso_or_russian() -> None:
    assert rules.booked_date("2026-11-25") == rules.booked_date("25.11.2026") == date(2026, 11, 25)


@pytest.mark.parametrize(
    "written", ["", "2026-13-01", "31.02.2020", "2026-1-1", "20261125", "2026-11-25T00:00:00", "２０２６-11-25"]
)
def test_what_is_no_date_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"date|month|day"):
        rules.booked_date(written)


@pytest.mark.parametrize(
    ("typed", "kept"), [("  Дача \n у реки ", "Дача у реки"), ("", ""), ("a\x00b\u202ec", "a b c")]
)
def test_alias_is_kept_without_what_cannot_be_seen(typed: str, kept: str) -> None:
    assert rules.alias(typed) == kept


def test_alias_of_more_than_forty_characters_is_refused() -> None:
    assert rules.alias("д" * 40) == "д" * 40
    with pytest.raises(rules.AliasTooLong):
        rules.alias("д" * 41)
