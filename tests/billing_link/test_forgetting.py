"""What can no longer confirm anything goes, and nothing else."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from billing_link import forgetting
from billing_link.forgetting import forget_payments
from billing_link.tidying import keep_tidy
from shared.contracts.billing import PaymentReversed
from tests.kit import eventually

from .conftest import NUMBER, TODAY, House, opened, paid


async def kept(house: House) -> list[str]:
    return [row[0] for row in await house.running.rows("SELECT payment_id FROM payments ORDER BY 1")]


async def test_payments_and_reversals_older_than_their_time_go(house: House) -> None:
    await house.hear(
        opened(),
        paid(payment_id="new", days_ago=119),
        paid(payment_id="old", days_ago=122),
        PaymentReversed(payment_id="old reversal", account_number=NUMBER, reversed_on=TODAY - timedelta(days=122)),
        PaymentReversed(payment_id="reversal", account_number=NUMBER, reversed_on=TODAY),
    )

    gone = await forget_payments(house.running.kernel.database, 120)

    assert gone == 2
    assert await kept(house) == ["new", "reversal"]


async def test_every_page_is_visited(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "PAGES", 3)
    await house.change(
        "INSERT INTO payments (payment_id, account_number, kopecks, paid_on, service)"
        " SELECT 'p' || n, '67123456', 100, current_date - (CASE WHEN n % 2 = 0 THEN 10 ELSE 200 END), 'electricity'"
        " FROM generate_series(1, 2000) AS n"
    )

    gone = await forget_payments(house.running.kernel.database, 120)

    assert gone == 1000
    assert await house.count("payments", "paid_on > current_date - 120") == await house.count("payments") == 1000


async def test_link_outlives_the_payment_that_proved_it(house: House) -> None:
    user = uuid4()
    await house.hear(opened(), paid())
    await house.ask_and_work(user)
    await house.change("UPDATE payments SET paid_on = paid_on - 200")

    await forget_payments(house.running.kernel.database, 120)
    await house.hear(opened(opened_on=TODAY - timedelta(days=90), address="told late"))

    assert await kept(house) == []
    assert len(await house.accounts(user)) == 1


async def test_worker_forgets_by_itself(house: House) -> None:
    await house.hear(opened(), paid(payment_id="old", days_ago=300), paid(payment_id="new"))
    stop = asyncio.Event()

    tidying = asyncio.create_task(keep_tidy(house.running.kernel.database, house.settings, stop))

    async def forgotten() -> bool:
        return await kept(house) == ["new"]

    await eventually(forgotten)
    stop.set()
    await asyncio.wait_for(tidying, 10)
