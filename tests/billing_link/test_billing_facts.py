"""What billing tells may come late, doubled and in any order."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.event import listen, remove

from billing_link.billing_facts import contracts_of
from billing_link.main import service
from shared.contracts.billing import AccountClosed, PaymentReversed
from shared.events import Event, Malformed
from tests.kit import Running

from .conftest import NUMBER, TODAY, House, opened, paid

STATE = (
    "SELECT account_number, opened_on, address, address_as_of, closed_on FROM contracts ORDER BY 1, 2",
    "SELECT account_number, closed_on FROM closings ORDER BY 1, 2",
    "SELECT payment_id, account_number, kopecks, paid_on, service, reversed_on, as_of FROM payments ORDER BY 1",
)


def told() -> list[Event]:
    """Two tenants, payments of which some are taken back, one told twice with another word, one never posted."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return [
        opened(opened_on=date(2010, 1, 1), address="old", time=at),
        opened(opened_on=date(2010, 1, 1), address="old, written better", time=at + timedelta(hours=1)),
        AccountClosed(account_number=NUMBER, closed_on=date(2026, 9, 30)),
        opened(opened_on=date(2026, 10, 1), address="new", time=at),
        paid("100.00", payment_id="p1", time=at),
        paid("100.50", payment_id="p1", time=at + timedelta(hours=1)),
        paid("200.00", payment_id="p2", time=at),
        PaymentReversed(payment_id="p2", account_number=NUMBER, reversed_on=TODAY),
        PaymentReversed(payment_id="p2", account_number=NUMBER, reversed_on=TODAY - timedelta(days=1)),
        PaymentReversed(payment_id="p3", account_number=NUMBER, reversed_on=TODAY),
        paid("300.00", number="00012345", payment_id="p4", service="housing", time=at),
        opened("00012345", time=at),
    ]


async def state(house: House) -> list[Any]:
    return [await house.running.rows(statement) for statement in STATE]


@pytest.mark.parametrize("seed", range(4))
async def test_late_doubled_and_reordered_facts_end_in_the_same_state(
    open_service: Callable[..., Awaitable[Running]], seed: int
) -> None:
    in_order, shuffled = House(await open_service(service)), House(await open_service(service))
    facts, chance = told(), random.Random(seed)
    doubled = facts + chance.sample(facts, 5)
    chance.shuffle(doubled)

    for fact in facts:
        await in_order.hear(fact)
    while doubled:
        size = chance.randint(1, 6)
        await shuffled.hear(*doubled[:size])
        del doubled[:size]

    assert await state(shuffled) == await state(in_order)


async def test_payment_that_was_reversed_before_it_was_posted_confirms_nothing(house: House) -> None:
    payment = paid()
    await house.hear(opened(), PaymentReversed(payment_id=payment.payment_id, account_number=NUMBER, reversed_on=TODAY))
    await house.hear(payment)

    assert (await house.ask_and_work(uuid4()))["refusal"] == "not-confirmed"


async def test_payment_of_another_service_confirms_nothing(house: House) -> None:
    await house.hear(opened(), paid(service="housing"))

    assert (await house.ask_and_work(uuid4()))["refusal"] == "not-confirmed"


async def test_closing_that_comes_before_its_opening_closes_it(house: House) -> None:
    await house.hear(AccountClosed(account_number=NUMBER, closed_on=date(2026, 1, 1)))
    await house.hear(opened(opened_on=date(2020, 1, 1)))

    async with house.running.kernel.database.transaction() as session:
        contracts = await contracts_of(session, [NUMBER])
    assert contracts[NUMBER].closed_on == date(2026, 1, 1)


async def test_amount_that_is_none_is_refused_by_name_and_takes_nothing_with_it(house: House) -> None:
    for amount in ("1e3", "NaN", "１２３", "12.345", ""):
        with pytest.raises(Malformed, match="amount"):
            await house.hear(paid(), paid(amount))

    assert await house.count("payments") == 0


async def statements_of(house: House, *facts: Event) -> int:
    """How many statements it took to hear them."""
    said: list[str] = []
    engine = house.running.kernel.database.engine.sync_engine

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    listen(engine, "before_cursor_execute", note)
    try:
        await house.hear(*facts)
    finally:
        remove(engine, "before_cursor_execute", note)
    return len(said)


async def test_many_facts_cost_as_few_statements_as_one_and_no_row_of_the_inbox(house: House) -> None:
    kinds: list[Callable[[int], Event]] = [
        lambda n: opened(f"{60_000_000 + n}"),
        lambda n: paid(number=f"{60_000_000 + n}"),
        lambda n: PaymentReversed(payment_id=f"r{n}", account_number=NUMBER, reversed_on=TODAY),
        lambda n: AccountClosed(account_number=f"{60_000_000 + n}", closed_on=TODAY),
    ]

    for make in kinds:
        one = await statements_of(house, make(0))
        many = await statements_of(house, *map(make, range(1, 301)))
        assert many == one

    assert (await house.count("contracts"), await house.count("payments")) == (301, 602)
    assert await house.count("inbox") == 0
