"""The notifier's rules, by value."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier import rules
from notifier.rules import Answer, Channel, Kind, Outcome, Status, Step


def test_phone_in_a_letter_is_its_end() -> None:
    assert rules.mask_phone_tail("+79123456789") == "•••-••-89"


def test_login_of_account_number_form_shows_only_its_end() -> None:
    assert rules.mask_login("67123456") == "•••3456"
    assert rules.mask_login("petrova") == "petrova"
    assert rules.mask_login("1234") == "1234"


@given(st.integers(0, rules.REFERENCES - 1))
def test_reference_is_two_triples_of_signs_that_are_not_mixed_up(number: int) -> None:
    reference = rules.reference(number)

    assert len(reference) == 7
    assert reference[3] == "-"
    assert not set(reference) & set("01ILOU")


@given(st.lists(st.integers(0, rules.REFERENCES - 1), unique=True, min_size=2, max_size=2))
def test_different_numbers_have_different_references(numbers: list[int]) -> None:
    assert rules.reference(numbers[0]) != rules.reference(numbers[1])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # counts twice in the GSM alphabet
        ("€" * 81, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("a" * 70 + "“", 2),  # one curly quote makes the whole text UCS-2
        ("🙂" * 35, 1),  # two UTF-16 units each
        ("🙂" * 36, 2),
    ],
)
def test_sms_parts_are_counted_as_operators_bill_them(text: str, parts: int) -> None:
    assert rules.sms_parts(text) == parts


def test_every_end_but_sent_has_its_reason() -> None:
    assert rules.next_step(Answer(Outcome.ACCEPTED), Kind.NEW_SIGN_IN, "email", 1, 1) == Step(Status.SENT)
    assert rules.next_step(Answer(Outcome.REFUSED), Kind.NEW_SIGN_IN, "email", 1, 1) == Step(
        Status.FAILED, reason="rejected"
    )


def test_feedback_that_supports_mailbox_refuses_is_kept_for_another_try() -> None:
    assert rules.next_step(Answer(Outcome.REFUSED), Kind.FEEDBACK, "email", 1, 1).status is Status.QUEUED


@pytest.mark.parametrize("kind", sorted(rules.SECURITY - {Kind.REGISTRATION_CODE, Kind.PHONE_CHANGE_CODE}))
def test_security_letter_of_unknown_outcome_is_never_handed_over_again(kind: Kind) -> None:
    step = rules.next_step(Answer(Outcome.UNKNOWN), kind, "email", handings=1, tries=1)

    assert step == Step(Status.UNKNOWN, reason="unknown")


def test_notice_of_unknown_outcome_is_handed_over_twice_at_most() -> None:
    first = rules.next_step(Answer(Outcome.UNKNOWN), Kind.ACCOUNT_LINKED, "email", handings=1, tries=1)
    second = rules.next_step(Answer(Outcome.UNKNOWN), Kind.ACCOUNT_LINKED, "email", handings=2, tries=2)

    assert first.status is Status.QUEUED
    assert second == Step(Status.UNKNOWN, reason="unknown")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_what_was_surely_not_taken_is_tried_again(kind: Kind, channel: Channel) -> None:
    assert rules.next_step(Answer(Outcome.TRY_LATER), kind, channel, 99, 99).status is Status.QUEUED


def test_pauses_grow_to_five_minutes_for_letters_and_fifteen_seconds_for_codes() -> None:
    assert [rules.backoff(tries, "email") for tries in (1, 2, 3)] == [timedelta(seconds=s) for s in (2, 4, 8)]
    assert rules.backoff(1000, "email") == timedelta(minutes=5)
    assert rules.backoff(1000, "sms") == timedelta(seconds=15)


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\x00b", "a\u2028b", "a\x85b"])
def test_text_that_could_end_a_header_is_not_one_line(text: str) -> None:
    assert not rules.one_line(text)


@pytest.mark.parametrize("token", ["short", "a" * 16 + "/../x", "a" * 16 + '"', "a" * 513, "ключ" * 8, "a" * 16 + "\n"])
def test_nothing_but_a_token_of_identity_may_stand_in_a_link(token: str) -> None:
    assert not rules.is_token(token)
