"""Every request is a guess, and guesses are counted."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID, uuid4

import pytest

from billing_link.attempts import forget_old
from billing_link.main import service
from shared.contracts.billing_link import AccountLinked, LinkRefused
from tests.kit import Running, eventually

from .conftest import NUMBER, House


@pytest.mark.parametrize("number", [NUMBER, "55555555"], ids=["known", "unknown"])
async def test_account_that_was_tried_too_often_answers_as_ever_and_refuses_the_right_amount(
    known: House, number: str
) -> None:
    for _ in range(5):
        assert (await known.ask_and_work(uuid4(), number, "1.00"))["refusal"] == "not-confirmed"

    asked = await known.ask(uuid4(), number)
    await known.work()

    assert asked.status_code == 202
    assert await known.said(AccountLinked) == []
    assert [event.refusal for event in await known.said(LinkRefused)] == ["not-confirmed"] * 6
    assert await known.count("link_attempts", "subject = 'account'") == 5


async def test_right_amount_is_no_attempt(known: House) -> None:
    for _ in range(6):
        assert (await known.ask_and_work(uuid4()))["status"] == "linked"

    assert await known.count("link_attempts") == 0


async def test_user_may_be_wrong_five_times_a_day(known: House) -> None:
    user = uuid4()
    for number in range(5):
        await known.ask_and_work(user, number=f"6000000{number}")

    answer = await known.ask(user)

    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-attempts")
    assert 86_000 < int(answer.headers["retry-after"]) <= 86_400
    assert (await known.ask_and_work(uuid4()))["status"] == "linked"


PARALLEL = 200


async def guess(house: House, user: UUID, number: str, address: str) -> int:
    """A wrong amount, asked again where the service was too busy to look at it, as 200 at once may make it."""

    async def answered() -> int | None:
        answer = await house.ask(user, number, "1.00", **{"X-Forwarded-For": address})
        busy = answer.status_code == 503 and answer.json()["code"] == "unavailable"
        return None if busy else answer.status_code

    return await eventually(answered, 120) or 0


async def guess_at_once(house: House, guesses: Iterable[tuple[UUID, str, str]]) -> Counter[int]:
    return Counter(await asyncio.gather(*(guess(house, *one) for one in guesses)))


async def test_200_guesses_of_one_user_never_pass_the_limit(known: House) -> None:
    user = uuid4()

    answers = await guess_at_once(known, ((user, f"6000{n:04}", f"198.51.100.{n}") for n in range(PARALLEL)))

    assert answers == {202: 5, 429: 195}
    assert await known.count("link_attempts", "subject = 'user'") == 5


@pytest.mark.parametrize("number", [NUMBER, "55555555"], ids=["known", "unknown"])
async def test_200_guesses_of_many_users_at_one_account_never_pass_its_limit(known: House, number: str) -> None:
    answers = await guess_at_once(known, ((uuid4(), number, f"198.51.100.{n}") for n in range(PARALLEL)))
    await known.work()

    assert answers == {202: PARALLEL}
    assert await known.count("link_attempts", "subject = 'account'") == 5
    assert await known.count("link_requests", "account_spent") == 195
    assert await known.count("link_requests", "status = 'refused' AND refusal = 'not-confirmed'") == PARALLEL


async def test_200_guesses_from_one_address_never_pass_its_limit(known: House) -> None:
    answers = await guess_at_once(known, ((uuid4(), f"6000{n:04}", "198.51.100.7") for n in range(PARALLEL)))

    assert answers == {202: 20, 429: 180}
    assert await known.count("link_attempts", "subject = 'address'") == 20


async def test_200_guesses_of_a_day_never_pass_the_limit_of_all(
    open_service: Callable[..., Awaitable[Running]],
) -> None:
    house = House(await open_service(service, attempts_per_day=50))

    answers = await guess_at_once(house, ((uuid4(), f"6000{n:04}", f"198.51.100.{n}") for n in range(PARALLEL)))

    assert answers == {202: 50, 503: 150}
    assert await house.count("link_attempts", "subject = 'all'") == 50
    assert await house.count("link_requests") == 50


async def test_addresses_of_one_ipv6_network_count_as_one(known: House) -> None:
    answers = [await guess(known, uuid4(), f"6000{n:04}", f"2001:db8:0:1::{n:x}") for n in range(21)]

    assert answers == [202] * 20 + [429]


async def test_address_may_be_wrong_twenty_times_a_day(known: House) -> None:
    for number in range(20):
        assert (await known.ask(uuid4(), number=f"6000{number:04}")).status_code == 202

    answer = await known.ask(uuid4())

    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-attempts")
    assert await known.count("link_attempts", "subject = 'address' AND key LIKE '%127.0.0.1%'") == 0


async def test_when_all_guesses_of_the_day_are_spent_nobody_can_ask(known: House) -> None:
    most = known.settings.attempts_per_day
    await known.change(
        "INSERT INTO link_attempts SELECT gen_random_uuid(), 'all', '' FROM generate_series(1, :most)", most=most
    )

    answer = await known.ask(uuid4())

    assert (answer.status_code, answer.json()["code"]) == (503, "linking-unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert await known.count("link_requests") == 0


async def test_attempts_count_for_their_time_and_are_forgotten_after_it(known: House) -> None:
    user = uuid4()
    for number in range(5):
        await known.ask_and_work(user, number=f"6000000{number}")
    await known.change("UPDATE link_attempts SET charged_at = now() - interval '25 hours'")
    assert (await known.ask(user)).status_code == 202

    await known.change("UPDATE link_attempts SET charged_at = now() - interval '31 days'")
    async with known.running.kernel.database.transaction() as session:
        await forget_old(session, known.settings)

    assert await known.count("link_attempts") == 0


async def test_nobody_holds_more_accounts_than_the_limit(known: House) -> None:
    user, most = uuid4(), known.settings.accounts_per_user
    await known.change(
        "INSERT INTO links (id, user_id, account_number, origin, alias, evidence_on)"
        " SELECT gen_random_uuid(), :user, 70000000 + n, 'amount', '', current_date"
        " FROM generate_series(1, :most) AS n",
        user=user,
        most=most,
    )

    answer = await known.ask(user)

    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-accounts")
    assert len(await known.accounts(user)) == most
