"""The guards against toll fraud: sliding budgets, exact under parallel load, and what each refusal says."""

from itertools import islice

import pytest

from shared.contracts.verification import CodeRequested
from tests.kit import Running, field_codes, problem
from tests.verification.asking import (
    ask,
    check,
    in_parallel,
    let_pass,
    phones,
    refusals,
    send_again,
    sent_code,
    statuses,
)
from tests.verification.conftest import Open


async def test_address_gets_ten_codes_an_hour_however_many_ask_at_once(verification: Running) -> None:
    numbers = islice(phones(apart=10_000), 60)

    answers = await in_parallel(ask(verification, phone, "203.0.113.7") for phone in numbers)

    assert statuses(answers) == {202: 10, 429: 50}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert problem(refused)["code"] == "too-many-codes"
    assert 3500 < int(refused.headers["retry-after"]) <= 3600
    assert await refusals(verification) == ["address-hour"] * 50


async def test_ipv6_counts_by_its_64(verification: Running) -> None:
    numbers = phones(apart=10_000)
    for host in range(10):
        assert (await ask(verification, next(numbers), f"2001:db8:1:2::{host}")).status_code == 202

    assert (await ask(verification, next(numbers), "2001:db8:1:2:ffff::1")).status_code == 429
    assert (await ask(verification, next(numbers), "2001:db8:1:3::1")).status_code == 202


async def test_header_of_an_untrusted_peer_moves_nobody_to_another_address(open_verification: Open) -> None:
    verification = await open_verification(trusted_proxies="192.0.2.0/24", address_sends_per_hour=2)
    numbers = phones(apart=10_000)

    answers = [await ask(verification, next(numbers), f"198.51.100.{host}") for host in range(4)]

    assert statuses(answers) == {202: 2, 429: 2}


async def test_budget_slides_it_does_not_begin_anew_by_the_clock(open_verification: Open) -> None:
    verification = await open_verification(address_sends_per_hour=2)
    numbers = phones(apart=10_000)
    await ask(verification, next(numbers), "203.0.113.7")
    await let_pass(verification, 1800)
    await ask(verification, next(numbers), "203.0.113.7")
    refused = await ask(verification, next(numbers), "203.0.113.7")

    await let_pass(verification, 1801)

    assert refused.status_code == 429
    assert 1700 < int(refused.headers["retry-after"]) <= 1800
    answers = [await ask(verification, next(numbers), "203.0.113.7") for _ in range(2)]
    assert statuses(answers) == {202: 1, 429: 1}


async def test_range_where_nobody_verifies_gets_its_fifty_and_no_more(open_verification: Open) -> None:
    verification = await open_verification(address_sends_per_hour=1000)

    answers = await in_parallel(ask(verification, phone) for phone in islice(phones(), 90))

    assert statuses(answers) == {202: 50, 429: 40}
    assert await refusals(verification) == ["prefix-hour"] * 40
    assert (await ask(verification, "+79123460000")).status_code == 202


async def test_range_where_people_verify_has_no_limit_of_its_own(open_verification: Open) -> None:
    verification = await open_verification(address_sends_per_hour=1000, prefix_sends_per_hour=10)
    numbers = phones()
    for turn in range(10):
        code_id = (await ask(verification, next(numbers))).json()["id"]
        if turn < 2:
            assert (await check(verification, code_id, await sent_code(verification))).status_code == 200

    answers = [await ask(verification, next(numbers)) for _ in range(2)]

    # 2 of 10 are 20 %; with the eleventh they are less.
    assert statuses(answers) == {202: 1, 429: 1}


async def test_resend_is_paid_for_as_the_first(open_verification: Open) -> None:
    verification = await open_verification(prefix_sends_per_hour=2)
    code_id = (await ask(verification)).json()["id"]
    await let_pass(verification, 61)
    assert (await send_again(verification, code_id)).status_code == 202
    await let_pass(verification, 61)

    assert problem(await send_again(verification, code_id))["code"] == "too-many-codes"
    assert await refusals(verification) == ["prefix-hour"]


async def test_country_abroad_has_a_smaller_share(open_verification: Open) -> None:
    verification = await open_verification(countries=("RU", "KZ"), other_country_sends_per_hour=3)
    abroad = phones("+7701111", apart=10_000)

    answers = await in_parallel(ask(verification, phone) for phone in islice(abroad, 8))

    assert statuses(answers) == {202: 3, 429: 5}
    assert await refusals(verification) == ["country-hour"] * 5
    assert (await ask(verification, "+79123456789")).status_code == 202


@pytest.mark.parametrize(
    ("caps", "rule"),
    [
        ({"money_per_hour_roubles": 42}, "money-hour"),
        ({"money_per_day_roubles": 42}, "money-day"),
    ],
)
async def test_money_stops_all_exactly_where_it_is_spent(
    open_verification: Open, caps: dict[str, int], rule: str
) -> None:
    verification = await open_verification(**caps, address_sends_per_hour=1000)

    answers = await in_parallel(ask(verification, phone) for phone in islice(phones(apart=10_000), 60))

    assert statuses(answers) == {202: 10, 503: 50}  # 42 roubles buy ten SMS at 4
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert problem(refused)["code"] == "codes-unavailable"
    assert 3000 < int(refused.headers["retry-after"]) <= 86_400
    assert len(await verification.said(CodeRequested)) == 10
    assert await refusals(verification) == [rule] * 50


async def test_money_comes_back_as_its_hour_passes_and_a_higher_cap_holds_at_once(
    open_verification: Open,
) -> None:
    verification = await open_verification(money_per_hour_roubles=8)
    numbers = phones(apart=10_000)
    assert statuses([await ask(verification, next(numbers)) for _ in range(3)]) == {202: 2, 503: 1}

    await let_pass(verification, 3601)

    assert statuses([await ask(verification, next(numbers)) for _ in range(3)]) == {202: 2, 503: 1}
    raised = verification.wired.settings.model_copy(update={"money_per_hour_roubles": 16})
    object.__setattr__(verification.wired, "settings", raised)
    assert statuses([await ask(verification, next(numbers)) for _ in range(3)]) == {202: 2, 503: 1}


async def test_what_is_refused_further_on_charges_nothing_before(open_verification: Open) -> None:
    verification = await open_verification(money_per_hour_roubles=4)
    await ask(verification, "+79120000001", "203.0.113.1")

    assert (await ask(verification, "+79130000001", "203.0.113.2")).status_code == 503

    assert await verification.rows("SELECT count(*) FROM phones") == [(1,)]
    assert await verification.rows("SELECT count(*) FROM asking_addresses") == [(1,)]
    assert await verification.rows("SELECT count(*) FROM prefixes") == [(1,)]
    assert await verification.rows("SELECT count(*) FROM codes") == [(1,)]


async def test_crossing_budgets_never_wait_in_a_circle(open_verification: Open) -> None:
    """Few addresses and few ranges, every pair many times at once: a deadlock would be a 503 of another code."""
    verification = await open_verification(
        address_sends_per_hour=60, prefix_sends_per_hour=60, money_per_hour_roubles=800
    )
    calls = [
        ask(verification, f"+791234{range_}{number:04d}", f"203.0.113.{address}")
        for number in range(10)
        for range_ in range(5)
        for address in range(5)
        if number % 5 == address or number < 6
    ]

    answers = await in_parallel(calls)

    assert {problem(answer)["code"] for answer in answers if answer.status_code != 202} <= {"too-many-codes"}
    sent = statuses(answers)[202]
    assert sent == 50  # each number once
    assert len(await verification.said(CodeRequested)) == sent


@pytest.mark.parametrize(
    ("phone", "rule"),
    [
        ("+1 650 253 0000", "country-not-served"),
        ("+380 44 123 4567", "country-not-served"),
        ("8 809 200-00-00", "premium-number"),
    ],
)
async def test_number_that_is_not_served_is_kept_as_an_hmac_with_its_rule(
    verification: Running, phone: str, rule: str
) -> None:
    answer = await ask(verification, phone)

    assert field_codes(answer) == {"phone": "phone-invalid"}
    [(phone_hmac, kept)] = await verification.rows("SELECT phone_hmac, rule FROM code_refusals")
    assert kept == rule
    assert len(phone_hmac) == 32
    assert await verification.said() == []


async def test_fixed_line_passes(verification: Running) -> None:
    assert (await ask(verification, "8 495 123-45-67")).status_code == 202


async def test_no_number_and_no_address_rests_in_the_database(verification: Running) -> None:
    """Canaries: what was asked for and checked, in every column of every table."""
    code_id = (await ask(verification, "+79123456789", "203.0.113.77")).json()["id"]
    await check(verification, code_id, await sent_code(verification))
    await ask(verification, "+79123456789", "203.0.113.77")
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"

    dumped = [
        str(row)
        for (table,) in await verification.rows(tables)
        for row in await verification.rows(f"SELECT to_jsonb(one) FROM {table} AS one")
    ]

    assert not [row for row in dumped if "9123456789" in row or "203.0.113" in row]
    assert len(dumped) > 10
