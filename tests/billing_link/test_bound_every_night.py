"""The guess bound of every night: where facts come by event, no import computes it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from billing_link import guessing, rules, watching
from tests.kit import eventually

from .conftest import House, paid

MOSCOW, KAMCHATKA = ZoneInfo("Europe/Moscow"), ZoneInfo("Asia/Kamchatka")


@pytest.mark.parametrize(
    ("now", "zone", "night"),
    [
        ("2026-11-25T23:59:59Z", MOSCOW, "2026-11-25T00:00:00Z"),
        ("2026-11-26T00:00:00Z", MOSCOW, "2026-11-26T00:00:00Z"),
        ("2026-03-01T10:00:00Z", MOSCOW, "2026-03-01T00:00:00Z"),
        ("2026-11-25T14:59:59Z", KAMCHATKA, "2026-11-24T15:00:00Z"),
        ("2026-11-25T15:00:00Z", KAMCHATKA, "2026-11-25T15:00:00Z"),
    ],
)
def test_night_is_three_in_the_morning_where_the_retailer_is(now: str, zone: ZoneInfo, night: str) -> None:
    assert rules.last_night(datetime.fromisoformat(now), zone) == datetime.fromisoformat(night)


@asynccontextmanager
async def watched(house: House) -> AsyncIterator[asyncio.Event]:
    """While a worker keeps the bound; gives what stops it."""
    stop = asyncio.Event()
    keeping = asyncio.create_task(watching.keep_bound(house.running.wired, stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(keeping, 10)


async def computed(house: House) -> int:
    return await house.count("guess_bounds")


async def test_worker_computes_the_bound_of_what_came_by_event_and_raises_the_alarm(known: House) -> None:
    with capture_logs() as logged:
        async with watched(known):
            await eventually(lambda: computed(known))
    metrics = (await known.running.client.get("/metrics")).text

    [alarm] = [line for line in logged if line["event"] == "guess_bound_above_alarm"]
    assert (alarm["log_level"], alarm["per_account"], alarm["alarm_above"]) == ("error", 1.0, 0.05)
    assert await known.count("guess_bounds", "accounts = 1 AND per_account = 1") == 1
    assert 'kabinet_link_guess_bound{per="account"} 1.0' in metrics
    assert "kabinet_link_guess_bound_alarm 0.05" in metrics


async def test_bound_below_the_setting_raises_no_alarm(known: House) -> None:
    await known.change(
        "INSERT INTO contracts (account_number, opened_on, address, address_as_of)"
        " SELECT 70000000 + n, '2020-01-01', '', now() FROM generate_series(1, 200) AS n"
    )
    await known.change(
        "INSERT INTO payments (payment_id, account_number, kopecks, paid_on, service)"
        " SELECT 'q' || n, 70000000 + n, 100001 + n, current_date - 10, 'electricity' FROM generate_series(1, 200) AS n"
    )

    with capture_logs() as logged:
        async with watched(known):
            await eventually(lambda: computed(known))

    assert [line["log_level"] for line in logged if "per_account" in line] == ["info"]
    assert await known.count("guess_bounds", "accounts = 201 AND per_account < 0.05") == 1


async def tonight(house: House) -> bool:
    async with house.running.kernel.database.transaction() as session:
        return await guessing.compute_tonight(session, house.settings) is not None


async def test_bound_is_computed_once_a_night_and_again_in_the_next(known: House) -> None:
    at_once = await asyncio.gather(*(tonight(known) for _ in range(5)))
    later = await tonight(known)
    await known.hear(paid("55.00"))
    await known.change("UPDATE guess_bounds SET computed_at = computed_at - interval '1 day'")
    next_night = await tonight(known)

    assert (sum(at_once), later, next_night) == (1, False, True)
    assert await computed(known) == 2


async def test_import_of_this_night_is_computation_enough(known: House) -> None:
    async with known.running.kernel.database.transaction() as session:
        await guessing.compute(session, known.settings)

    assert not await tonight(known)
    assert await computed(known) == 1


async def test_worker_that_is_stopped_leaves_a_computation_and_nothing_of_it(known: House) -> None:
    waiting = "datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'"
    async with known.running.kernel.database.transaction() as session:
        await session.execute(text("LOCK TABLE frequent_amounts IN EXCLUSIVE MODE"))
        async with watched(known) as stop:
            await eventually(lambda: known.count("pg_stat_activity", waiting))

            stop.set()
            await eventually(lambda: nothing_waits(known, waiting))

    assert await computed(known) == 0


async def nothing_waits(house: House, waiting: str) -> bool:
    return await house.count("pg_stat_activity", waiting) == 0
