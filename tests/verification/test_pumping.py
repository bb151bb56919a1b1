"""Pumping: ten thousand numbers of one range from five hundred addresses, beside people who really register."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import cycle, islice
from random import Random

from shared.contracts.verification import CodeRequested
from shared.refusals import Refusal
from tests.kit import Running
from tests.verification.asking import phones
from tests.verification.conftest import Open
from verification import codes, numbers
from verification.refusing import at_once, kept

AT_ONCE = 16
Call = Callable[[], Awaitable[str]]


async def sms(running: Running, phone: str, address: str) -> str:
    """`sent`, or the rule that refused."""
    return await outcome_of(running, phone, address, verifies=False)


async def person(running: Running, phone: str, address: str) -> str:
    """Somebody who asks once and types what came: `verified`, or the rule that refused."""
    return await outcome_of(running, phone, address, verifies=True)


async def outcome_of(running: Running, phone: str, address: str, *, verifies: bool) -> str:
    """The use cases as the routes call them, without HTTP."""
    wired, number = running.wired, numbers.read(phone, "RU")
    try:
        async with running.kernel.database.transaction() as session:
            refusal = await at_once(session, number, address, wired)
        if refusal is not None:
            raise refusal
        async with kept(number, wired):
            code = await codes.open_code(number, "registration", wired)
            async with running.kernel.database.transaction() as session:
                await codes.send(session, code, number, address, wired)
        if not verifies:
            return "sent"
        await codes.check(code.id, codes._digits(code, wired), wired)
    except Refusal as refused:
        return str(getattr(refused, "rule", refused.code))
    return "verified"


async def all_of(calls: Iterable[Call]) -> Counter[str]:
    """What became of them, some at once."""
    found: Counter[str] = Counter()
    waiting = iter(calls)

    async def work() -> None:
        for call in waiting:
            found[await call()] += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return found


async def test_pump_gets_fifty_sms_and_real_people_do_not_notice(
    open_verification: Open, tell: Callable[[str], None]
) -> None:
    verification = await open_verification()
    addresses = [f"198.51.{number // 250}.{number % 250}" for number in range(500)]
    pumped = list(zip(phones("+7999000"), islice(cycle(addresses), 10_000), strict=False))
    real = [(f"+7912{number:03d}{number * 37 % 10_000:04d}", f"203.0.113.{number}") for number in range(200)]
    pump = [partial(sms, verification, phone, address) for phone, address in pumped]
    people = [partial(person, verification, phone, address) for phone, address in real]
    outcome: dict[str, Counter[str]] = {"pump": Counter(), "people": Counter()}
    mixed = [*((outcome["pump"], call) for call in pump), *((outcome["people"], call) for call in people)]
    Random(1).shuffle(mixed)

    async def counted(found: Counter[str], call: Call) -> str:
        found[what := await call()] += 1
        return what

    begun = time.monotonic()
    await all_of(partial(counted, found, call) for found, call in mixed)
    seconds = time.monotonic() - begun

    tell(
        f"pump of {len(pumped):,} numbers: {dict(outcome['pump'])}; people: {dict(outcome['people'])}; {seconds:.1f} s"
    )
    assert outcome["pump"] == {"sent": 50, "prefix-hour": 9_950}
    assert outcome["people"] == {"verified": 200}
    assert await verification.rows("SELECT count(*) FROM code_refusals") == [(9_950,)]
    assert len(await verification.said(CodeRequested)) == 250


async def test_pump_over_many_ranges_is_stopped_by_the_money_of_the_hour(
    open_verification: Open, tell: Callable[[str], None]
) -> None:
    verification = await open_verification(money_per_hour_roubles=600)
    pumped = islice(zip(phones("+7900000", apart=10_000), cycle(f"198.51.100.{n}" for n in range(100))), 200)

    outcome = await all_of(partial(sms, verification, phone, address) for phone, address in pumped)

    tell(f"pump over 200 ranges with a cap of 600 roubles an hour: {dict(outcome)}")
    assert outcome == {"sent": 150, "money-hour": 50}


async def test_money_of_the_day_stops_what_the_hours_let_through(
    open_verification: Open, tell: Callable[[str], None]
) -> None:
    verification = await open_verification(money_per_hour_roubles=400, money_per_day_roubles=1000)
    numbers_ = phones("+7900000", apart=10_000)
    sent = []

    for hour in range(5):
        calls = [
            partial(sms, verification, phone, f"198.51.{hour}.{n}") for n, phone in enumerate(islice(numbers_, 120))
        ]
        sent.append((await all_of(calls))["sent"])
        await verification.rows("UPDATE permits SET used_at = used_at - interval '3601 seconds' RETURNING 1")

    tell(f"SMS hour by hour with caps of 400 an hour and 1,000 roubles a day: {sent}")
    assert sent == [100, 100, 50, 0, 0]
