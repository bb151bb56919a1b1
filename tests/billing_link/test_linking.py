"""Somebody asks for an account, the worker decides, once."""

import asyncio
import time
from uuid import uuid4

import pytest
from sqlalchemy.pool import QueuePool

from billing_link.tidying import tidy
from shared.contracts.billing import AccountClosed
from shared.contracts.billing_link import AccountLinked, LinkRefused, LinkRequested
from tests.kit import eventually

from .conftest import NUMBER, TODAY, House, opened, paid


async def test_right_amount_links_and_erases_the_amount(known: House) -> None:
    user = uuid4()

    request = await known.ask_and_work(user)

    [linked] = await known.said(AccountLinked)
    [account] = await known.accounts(user)
    assert request["status"] == "linked"
    assert request["refusal"] is None
    assert (linked.user_id, linked.account_number, linked.origin) == (user, NUMBER, "amount")
    assert str(linked.request_id) == request["id"]
    assert linked.other_holders == []
    assert account["origin"] == "amount"
    assert account["address"] == "г. Тверь, ул. Сад…, д. …, кв. …"
    assert await known.count("link_requests", "kopecks IS NOT NULL") == 0


async def test_wrong_amount_is_refused_and_the_right_one_links_afterwards(known: House) -> None:
    user = uuid4()

    wrong = await known.ask_and_work(user, amount="1234.01")
    right = await known.ask_and_work(user, amount="1234,00")

    [refused] = await known.said(LinkRefused)
    assert (wrong["status"], wrong["refusal"]) == ("refused", "not-confirmed")
    assert str(refused.request_id) == wrong["id"]
    assert refused.refusal == "not-confirmed"
    assert right["status"] == "linked"


async def test_unknown_account_is_refused_in_the_same_words(known: House) -> None:
    unknown = await known.ask_and_work(uuid4(), number="55555555")
    wrong = await known.ask_and_work(uuid4(), amount="1.00")

    assert (unknown["status"], unknown["refusal"]) == (wrong["status"], wrong["refusal"])
    assert unknown.keys() == wrong.keys()


async def test_repeated_event_links_once(known: House) -> None:
    await known.ask(uuid4())
    [asked] = await known.said(LinkRequested)

    await known.hear(asked)
    await known.hear(asked, asked)
    await known.hear(LinkRequested(request_id=asked.request_id, user_id=asked.user_id, account_number=NUMBER))

    assert len(await known.said(AccountLinked)) == 1
    assert await known.count("links") == 1


async def test_two_parallel_requests_make_one(known: House) -> None:
    user = uuid4()

    answers = await asyncio.gather(*(known.ask(user) for _ in range(8)))

    accepted = [answer for answer in answers if answer.status_code == 202]
    pending = [answer for answer in answers if answer.status_code == 409]
    assert len(accepted) == 1
    assert len(pending) == 7
    assert {answer.json()["code"] for answer in pending} == {"link-pending"}
    assert {answer.headers["location"] for answer in pending} == {accepted[0].headers["location"]}
    assert len(await known.said(LinkRequested)) == 1


async def test_same_idempotency_key_gets_the_same_answer_and_one_request(known: House) -> None:
    user, key = uuid4(), str(uuid4())

    first = await known.ask(user, **{"Idempotency-Key": key})
    again = await known.ask(user, **{"Idempotency-Key": key})
    other = await known.ask(user, amount="2.00", **{"Idempotency-Key": key})

    assert (again.status_code, again.content, again.headers["location"]) == (
        202,
        first.content,
        first.headers["location"],
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert await known.count("link_requests") == 1


async def test_second_holder_is_linked_and_the_first_is_named(known: House) -> None:
    first, second = uuid4(), uuid4()

    await known.ask_and_work(first)
    await known.ask_and_work(second)

    assert [event.other_holders for event in await known.said(AccountLinked)] == [[], [first]]


async def test_waiting_is_answered_as_soon_as_it_is_decided(known: House) -> None:
    user = uuid4()
    asked = await known.ask(user)
    waiting = [asyncio.create_task(known.get(user, f"{asked.headers['location']}?wait=20")) for _ in range(20)]
    await until_somebody_listens(known)

    began = time.monotonic()
    await known.work()
    answers = await asyncio.gather(*waiting)

    assert {answer["status"] for answer in answers} == {"linked"}
    assert time.monotonic() - began < 0.9, "slower than the bell: only the sweep found it"


async def until_somebody_listens(house: House) -> None:
    """Twenty wait beside a pool of ten connections, so none of them can be holding one."""
    pool = house.running.kernel.database.engine.pool
    assert isinstance(pool, QueuePool)

    async def listening() -> bool:
        listeners = await house.count("pg_stat_activity", "datname = current_database() AND query LIKE 'LISTEN%'")
        return listeners == 1 and pool.checkedout() == 0

    await eventually(listening)


async def test_waiting_ends_when_the_time_is_over(known: House) -> None:
    user = uuid4()
    asked = await known.ask(user)

    answer = await known.get(user, f"{asked.headers['location']}?wait=0.2")

    assert answer["status"] == "pending"


async def test_closed_account_refuses_and_a_reopened_one_asks_for_a_new_tenants_payment(known: House) -> None:
    await known.hear(AccountClosed(account_number=NUMBER, closed_on=TODAY))
    closed = await known.ask_and_work(uuid4())
    await known.hear(opened(opened_on=TODAY))
    of_the_old_tenant = await known.ask_and_work(uuid4())
    await known.hear(paid("77.70", days_ago=0))
    of_the_new_tenant = await known.ask_and_work(uuid4(), amount="77.70")

    assert (closed["refusal"], of_the_old_tenant["refusal"]) == ("not-confirmed", "not-confirmed")
    assert of_the_new_tenant["status"] == "linked"


async def test_request_that_nobody_could_decide_for_72_hours_is_given_up_uncharged(known: House) -> None:
    user = uuid4()
    await known.ask(user)
    await known.change("UPDATE link_requests SET created_at = now() - interval '73 hours'")

    await known.work()

    [refused] = await known.said(LinkRefused)
    assert refused.refusal == "try-later"
    assert await known.count("link_attempts") == 0


async def test_event_that_was_lost_does_not_leave_its_request_pending_for_ever(known: House) -> None:
    await known.ask(uuid4())
    await known.change("UPDATE link_requests SET created_at = now() - interval '73 hours'")

    await tidy(known.running.kernel.database, known.settings)
    await tidy(known.running.kernel.database, known.settings)

    assert [event.refusal for event in await known.said(LinkRefused)] == ["try-later"]


async def test_request_is_decided_as_of_the_day_it_was_made(known: House) -> None:
    user = uuid4()
    await known.hear(paid("50.00", days_ago=2), paid("60.00", days_ago=0))
    await known.ask(user, amount="50.00")
    await known.ask(uuid4(), amount="60.00")
    await known.change("UPDATE link_requests SET created_at = now() - interval '1 day'")

    await known.work()

    assert [event.user_id for event in await known.said(AccountLinked)] == [user]


@pytest.mark.parametrize("amount", ["1234.00", "1234,00"])
async def test_both_decimal_marks_link(known: House, amount: str) -> None:
    assert (await known.ask_and_work(uuid4(), amount=amount))["status"] == "linked"
