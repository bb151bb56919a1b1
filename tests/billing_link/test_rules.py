"""What the rules say, by value and against slow obvious references."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_link import rules
from billing_link.rules import Contract, Decision, Payment

DAYS = st.dates(date(2019, 1, 1), date(2030, 12, 31))
TODAY = date(2026, 11, 25)
OPENED = Contract(opened_on=date(2020, 1, 1))


@pytest.mark.parametrize(
    ("day", "earlier"),
    [
        (date(2026, 11, 25), date(2026, 8, 25)),
        (date(2026, 5, 31), date(2026, 2, 28)),
        (date(2024, 5, 31), date(2024, 2, 29)),
        (date(2026, 2, 28), date(2025, 11, 28)),
        (date(2026, 3, 31), date(2025, 12, 31)),
        (date(2026, 7, 31), date(2026, 4, 30)),
        (date(2026, 1, 1), date(2025, 10, 1)),
    ],
)
def test_window_begins_on_the_same_day_or_the_months_last(day: date, earlier: date) -> None:
    assert rules.months_before(day, 3) == earlier


def slow_months_before(day: date, months: int) -> date:
    """Walk back day by day into the month that is meant, then to the day or the last one before it."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    found = day
    while (found.year, found.month) != (year, month) or found.day > day.day:
        found -= timedelta(days=1)
    return found


@given(DAYS)
def test_window_begins_where_the_slow_reference_says(day: date) -> None:
    assert rules.months_before(day, 3) == slow_months_before(day, 3)


def test_day_of_a_request_is_the_retailers_day() -> None:
    just_before_midnight_utc = datetime(2026, 11, 24, 21, 30, tzinfo=UTC)

    assert rules.day_of(just_before_midnight_utc, ZoneInfo("Europe/Moscow")) == TODAY
    assert rules.day_of(just_before_midnight_utc, ZoneInfo("Europe/Kaliningrad")) == date(2026, 11, 24)


ZONES = [ZoneInfo(f"Europe/{town}") for town in ("Kaliningrad", "Moscow", "Samara")] + [
    ZoneInfo(f"Asia/{town}") for town in ("Yekaterinburg", "Omsk", "Krasnoyarsk", "Yakutsk", "Kamchatka")
]
MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, st.sampled_from(ZONES))
def test_day_of_a_request_is_that_of_the_retailers_clock_at_any_moment(moment: datetime, zone: ZoneInfo) -> None:
    ahead = zone.utcoffset(moment.replace(tzinfo=None) + timedelta(hours=6))
    assert ahead is not None

    days = (moment - datetime(1970, 1, 1, tzinfo=UTC) + ahead) // timedelta(days=1)

    assert rules.day_of(moment, zone) == date(1970, 1, 1) + timedelta(days=days)


@pytest.mark.parametrize(
    ("asked_at", "paid_on", "links"),
    [
        ("2026-05-31T20:59:59Z", date(2026, 2, 28), True),
        ("2026-05-31T21:00:00Z", date(2026, 2, 28), False),
        ("2024-05-31T20:59:59Z", date(2024, 2, 28), False),
        ("2024-05-31T20:59:59Z", date(2024, 2, 29), True),
        ("2024-02-29T20:59:59Z", date(2023, 11, 29), True),
        ("2024-02-29T21:00:00Z", date(2023, 11, 29), False),
        ("2026-11-24T20:59:59Z", date(2026, 11, 25), False),
        ("2026-11-24T21:00:00Z", date(2026, 11, 25), True),
    ],
)
def test_last_second_before_midnight_belongs_to_the_day_that_ends(asked_at: str, paid_on: date, links: bool) -> None:
    today = rules.day_of(datetime.fromisoformat(asked_at), ZoneInfo("Europe/Moscow"))

    decision = rules.decide([Payment(123400, paid_on)], OPENED, 123400, today)

    assert (decision.refusal is None) == links


@pytest.mark.parametrize(
    "payment",
    [
        Payment(123400, date(2026, 8, 24)),
        Payment(123400, date(2026, 11, 26)),
        Payment(123401, TODAY),
        Payment(123400, TODAY, service="housing"),
        Payment(123400, TODAY, reversed=True),
    ],
    ids=["before the window", "tomorrow", "a kopeck more", "another service", "reversed"],
)
def test_payment_that_must_not_confirm_does_not(payment: Payment) -> None:
    assert rules.decide([payment], OPENED, 123400, TODAY) == Decision("not-confirmed")


@pytest.mark.parametrize("paid_on", [date(2026, 8, 25), TODAY])
def test_both_ends_of_the_window_confirm(paid_on: date) -> None:
    assert rules.decide([Payment(123400, paid_on)], OPENED, 123400, TODAY) == Decision(None, paid_on)


def test_newest_of_equal_payments_is_the_evidence() -> None:
    payments = [Payment(50000, date(2026, 11, 1)), Payment(50000, date(2026, 9, 1)), Payment(50000, date(2026, 10, 1))]

    assert rules.decide(payments, OPENED, 50000, TODAY).evidence_on == date(2026, 11, 1)


@pytest.mark.parametrize("kopecks", [0, -500])
def test_payment_of_zero_or_below_confirms_nothing(kopecks: int) -> None:
    assert rules.decide([Payment(kopecks, TODAY)], OPENED, kopecks, TODAY).refusal == "not-confirmed"


def test_unknown_and_closed_accounts_confirm_nothing() -> None:
    payments = [Payment(123400, date(2026, 11, 1))]

    assert rules.decide(payments, None, 123400, TODAY).refusal == "not-confirmed"
    assert rules.decide(payments, Contract(date(2020, 1, 1), TODAY), 123400, TODAY).refusal == "not-confirmed"
    assert rules.decide(payments, Contract(date(2020, 1, 1), TODAY + timedelta(1)), 123400, TODAY).refusal is None


def test_payment_of_the_earlier_tenant_confirms_nothing() -> None:
    renewed = Contract(opened_on=date(2026, 11, 2))

    assert rules.decide([Payment(123400, date(2026, 11, 1))], renewed, 123400, TODAY).refusal == "not-confirmed"
    assert rules.decide([Payment(123400, date(2026, 11, 2))], renewed, 123400, TODAY).refusal is None


def slow_decision(payments: list[Payment], contract: Contract | None, kopecks: int, today: date) -> bool:
    """The contract's sentence, one condition at a time, over every day of the window."""
    if contract is None or (contract.closed_on is not None and today >= contract.closed_on):
        return False
    day, days = slow_months_before(today, 3), set()
    while day <= today:
        if day >= contract.opened_on:
            days.add(day)
        day += timedelta(days=1)
    good = [
        p for p in payments if p.service == "electricity" and p.kopecks > 0 and not p.reversed and p.paid_on in days
    ]
    return kopecks in {p.kopecks for p in good}


NEAR = st.dates(date(2026, 7, 20), date(2026, 12, 5)) | st.dates(date(2023, 11, 20), date(2024, 6, 5))
PAYMENTS = st.builds(
    Payment, st.integers(-1, 3), NEAR, st.sampled_from(["electricity", "electricity", "housing"]), st.booleans()
)
CONTRACTS = st.none() | st.builds(Contract, NEAR | st.just(date(2020, 1, 1)), st.none() | NEAR)


@given(st.lists(PAYMENTS, max_size=6), CONTRACTS, st.integers(-1, 3), NEAR)
def test_decision_is_the_slow_references(
    payments: list[Payment], contract: Contract | None, kopecks: int, today: date
) -> None:
    decision = rules.decide(payments, contract, kopecks, today)

    assert (decision.refusal is None) == slow_decision(payments, contract, kopecks, today)


def test_latest_contract_counts_and_an_older_ones_end_does_not() -> None:
    older, newer = Contract(date(2010, 1, 1), date(2026, 3, 1)), Contract(date(2026, 3, 1), address="new")

    assert rules.latest_contract([newer, older], []) == newer
    assert rules.latest_contract([], [date(2026, 3, 1)]) is None


@pytest.mark.parametrize(
    ("openings", "closings", "closed_on"),
    [
        (["2010-01-01"], ["2026-03-01"], "2026-03-01"),
        (["2010-01-01"], ["2026-05-01", "2026-03-01"], "2026-03-01"),
        (["2010-01-01", "2026-03-02"], ["2026-03-01"], None),
        (["2010-01-01", "2026-03-01"], ["2026-03-01"], None),
        (["2010-01-01", "2026-03-01"], ["2026-03-01", "2026-09-01"], "2026-09-01"),
        (["2026-03-01"], ["2026-03-01"], "2026-03-01"),
    ],
)
def test_closing_belongs_to_the_contract_that_it_ends(
    openings: list[str], closings: list[str], closed_on: str | None
) -> None:
    contracts = [Contract(date.fromisoformat(day)) for day in openings]

    latest = rules.latest_contract(contracts, map(date.fromisoformat, closings))

    assert latest is not None
    assert latest.closed_on == (closed_on and date.fromisoformat(closed_on))


def test_links_end_with_the_contract_that_their_evidence_belongs_to() -> None:
    renewed = Contract(opened_on=date(2026, 3, 1))

    assert not rules.outlives(date(2026, 2, 28), renewed)
    assert rules.outlives(date(2026, 3, 1), renewed)
    assert rules.outlives(date(2026, 3, 1), None)


def test_old_credentials_confirm_only_the_contract_of_their_time() -> None:
    assert rules.credentials_confirm(date(2026, 3, 1), Contract(date(2026, 3, 1)), TODAY)
    assert not rules.credentials_confirm(date(2026, 2, 28), Contract(date(2026, 3, 1)), TODAY)
    assert not rules.credentials_confirm(date(2026, 3, 1), Contract(date(2020, 1, 1), date(2026, 11, 1)), TODAY)
