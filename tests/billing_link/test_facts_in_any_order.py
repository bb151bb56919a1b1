"""Billing's facts by event and by file, in any order, batch and number: the end state is that of the facts told."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from billing_link.billing_facts import contracts_of, payments_of
from billing_link.importing import Files, import_billing
from billing_link.rules import Contract, Payment, decide
from shared.contracts.billing import AccountClosed, AccountOpened, PaymentPosted, PaymentReversed
from shared.events import Event

from .conftest import TODAY, House
from .test_rules import slow_decision

NUMBERS = ("60000001", "60000002")
OPENINGS = (TODAY - timedelta(days=2000), TODAY - timedelta(days=30))
FIRST_DAY = TODAY - timedelta(days=9)
STATE = (
    "SELECT account_number, opened_on, address, closed_on FROM contracts ORDER BY 1, 2",
    "SELECT account_number, closed_on FROM closings ORDER BY 1, 2",
    "SELECT payment_id, CASE WHEN kopecks IS NOT NULL THEN account_number END, kopecks, paid_on, service, reversed_on"
    " FROM payments ORDER BY 1",
)

# A fact's content follows from what it is about and when it was said: a file of day d says at 2d, an event at 2d + 1.
Fact = tuple[str, int, int, int]
"""Kind, what it is about (two numbers), when."""


def payment_said(number: int, when: int) -> tuple[str, int, Any, str]:
    paid_on = TODAY - timedelta(days=5 + 40 * ((number + when) % 3))
    service = "housing" if (number + when) % 4 == 3 else "electricity"
    return NUMBERS[(number + when) % 2], 100 * (1 + (number * 7 + when * 3) % 3), paid_on, service


def reversed_in_file(number: int, when: int) -> Any:
    return TODAY - timedelta(days=1) if (number + when) % 5 == 0 else None


def closed_in_file(account: int, contract: int, when: int) -> Any:
    return TODAY - timedelta(days=2) if (account + contract + when // 2) % 3 == 0 else None


def said_at(when: int) -> datetime:
    return datetime.combine(FIRST_DAY + timedelta(days=when // 2), time(12), UTC)


def event_of(fact: Fact) -> Event:
    kind, about, which, when = fact
    match kind:
        case "posted":
            number, kopecks, paid_on, service = payment_said(about, when)
            return PaymentPosted(
                payment_id=f"p{about}",
                account_number=number,
                amount=f"{kopecks / 100:.2f}",
                paid_on=paid_on,
                service=service,
                time=said_at(when),
            )
        case "reversed":
            day = TODAY - timedelta(days=which)
            return PaymentReversed(payment_id=f"p{about}", account_number=NUMBERS[about % 2], reversed_on=day)
        case "opened":
            return AccountOpened(
                account_number=NUMBERS[about], address=f"{when}", opened_on=OPENINGS[which], time=said_at(when)
            )
        case _:
            return AccountClosed(account_number=NUMBERS[about], closed_on=TODAY - timedelta(days=10 * which))


EVENTS = st.one_of(
    st.tuples(st.just("posted"), st.integers(0, 3), st.just(0), st.sampled_from([1, 3, 5, 7])),
    st.tuples(st.just("reversed"), st.integers(0, 3), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("opened"), st.integers(0, 1), st.integers(0, 1), st.sampled_from([1, 3, 5, 7])),
    st.tuples(st.just("closed"), st.integers(0, 1), st.integers(0, 3), st.just(0)),
)
PAYMENT_ROWS = st.lists(st.integers(0, 3), max_size=5)
ACCOUNT_ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=4)


def expected(facts: set[Fact]) -> list[list[tuple[Any, ...]]]:
    """The state by the plainest reading: of each thing the newest word, of reversals the earliest day."""
    contracts, payments = [], []
    for account in range(2):
        for contract in range(2):
            said = [fact for fact in facts if fact[0] in ("opened", "account row") and fact[1:3] == (account, contract)]
            in_files = [when for kind, _, _, when in said if kind == "account row"]
            closed_on = closed_in_file(account, contract, max(in_files)) if in_files else None
            if said:
                address = f"{max(when for *_, when in said)}"
                contracts.append((NUMBERS[account], OPENINGS[contract], address, closed_on))
    closings = {(NUMBERS[fact[1]], TODAY - timedelta(days=10 * fact[2])) for fact in facts if fact[0] == "closed"}
    for number in range(4):
        told = [when for kind, about, _, when in facts if kind in ("posted", "payment row") and about == number]
        taken_back = [TODAY - timedelta(days=fact[2]) for fact in facts if fact[:2] == ("reversed", number)]
        rows = [when for kind, about, _, when in facts if (kind, about) == ("payment row", number)]
        taken_back += [day for when in rows if (day := reversed_in_file(number, when)) is not None]
        if told or taken_back:
            said_last = payment_said(number, max(told)) if told else (None, None, None, None)
            payments.append((f"p{number}", *said_last, min(taken_back, default=None)))
    return [sorted(contracts), sorted(closings), payments]


def latest(facts: set[Fact], number: str) -> Contract | None:
    """The contract that counts: opened last; it ends on the first day that was told of its end."""
    contracts, closings, _ = expected(facts)
    own = [row for row in contracts if row[0] == number]
    if not own:
        return None
    _, opened_on, _, closed_on = own[-1]
    ends = [closed_on] if closed_on else []
    for account, day in closings:
        if account == number and (day > opened_on or (day == opened_on and len(own) == 1)):
            ends.append(day)
    return Contract(opened_on, min(ends, default=None))


def machine(house: House, loop: asyncio.AbstractEventLoop, folder: Path) -> type[RuleBasedStateMachine]:
    def wait_for(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    class Billing(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.facts: set[Fact] = set()
            wait_for(house.change("TRUNCATE contracts, closings, payments, links, link_wishes, outbox"))

        @rule(told=st.lists(EVENTS, min_size=1, max_size=6))
        def hear(self, told: list[Fact]) -> None:
            wait_for(house.hear(*map(event_of, told)))
            self.facts |= set(told)

        @rule(payments=PAYMENT_ROWS, accounts=ACCOUNT_ROWS, day=st.integers(0, 3))
        def take_files(self, payments: list[int], accounts: list[tuple[int, int]], day: int) -> None:
            when = 2 * day
            of_payments, of_accounts = folder / "payments.csv", folder / "accounts.csv"
            of_payments.write_text(_payments(payments, when))
            of_accounts.write_text(_accounts(accounts, when))
            files = Files(of_accounts, of_payments, FIRST_DAY + timedelta(days=day))
            wait_for(import_billing(house.running.kernel.database, files, house.settings.time_zone))
            self.facts |= {("payment row", number, 0, when) for number in payments}
            self.facts |= {("account row", account, contract, when) for account, contract in accounts}

        def teardown(self) -> None:
            found = [[tuple(row) for row in wait_for(house.running.rows(statement))] for statement in STATE]
            assert found == expected(self.facts)
            for number in NUMBERS:
                for kopecks in (100, 200, 300):
                    assert wait_for(_links(house, number, kopecks)) == self._should_link(number, kopecks)

        def _should_link(self, number: str, kopecks: int) -> bool:
            told = [row for row in expected(self.facts)[2] if row[1] == number]
            payments = [Payment(row[2], row[3], row[4], row[5] is not None) for row in told]
            return slow_decision(payments, latest(self.facts, number), kopecks, TODAY)

    return Billing


def _payments(numbers: list[int], when: int) -> str:
    lines = ["payment_id,account_number,amount,paid_on,service,reversed_on"]
    for number in numbers:
        account, kopecks, paid_on, service = payment_said(number, when)
        day = reversed_in_file(number, when)
        lines.append(f"p{number},{account},{kopecks / 100:.2f},{paid_on},{service},{day or ''}")
    return "\n".join([*lines, ""])


def _accounts(contracts: list[tuple[int, int]], when: int) -> str:
    lines = ["account_number,address,opened_on,closed_on"]
    for account, contract in contracts:
        closed_on = closed_in_file(account, contract, when) or ""
        lines.append(f"{NUMBERS[account]},{when},{OPENINGS[contract]},{closed_on}")
    return "\n".join([*lines, ""])


async def _links(house: House, number: str, kopecks: int) -> bool:
    async with house.running.kernel.database.transaction() as session:
        contract = (await contracts_of(session, [number])).get(number)
        payments = await payments_of(session, number, TODAY - timedelta(days=100), TODAY)
    return decide(payments, contract, kopecks, TODAY).refusal is None


async def test_facts_in_any_order_number_and_way_end_in_the_same_state(house: House, tmp_path: Path) -> None:
    chosen = settings(
        max_examples=25,
        stateful_step_count=8,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    billing = machine(house, asyncio.get_running_loop(), tmp_path)

    await asyncio.to_thread(run_state_machine_as_test, billing, settings=chosen)
