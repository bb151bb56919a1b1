"""What guessing can win: computed from the loaded payments, told, watched; a simulated attacker stays below it."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from itertools import combinations
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_link import bounds, guessing, rules
from billing_link.bounds import Amount, GuessBound, Limits
from billing_link.guessing import Told
from billing_link.main import service
from billing_link.rules import Contract, Payment
from billing_link.settings import BillingLinkSettings
from shared.contracts.billing import AccountClosed, PaymentReversed
from shared.events import Event
from tests.kit import Running

from .conftest import NUMBER, TODAY, House, opened, paid, said_by
from .shapes import SHAPES, greedy_attack, load, mixed

LIMITS = Limits(per_account=5, account_days=30, per_user_day=5, per_address_day=20, per_day=2000)
HOUSEHOLDS = st.lists(st.frozensets(st.integers(1, 6), min_size=1, max_size=3), min_size=1, max_size=8)


def counted(households: list[frozenset[int]]) -> list[Amount]:
    counts = Counter(kopecks for amounts in households for kopecks in amounts)
    return [Amount(kopecks, count) for kopecks, count in counts.items()]


@given(HOUSEHOLDS, st.integers(1, 3))
def test_no_choice_of_amounts_wins_more_than_the_bound(households: list[frozenset[int]], tries: int) -> None:
    bound = bounds.best_first(counted(households), len(households), tries)

    won = [
        sum(bool(amounts & set(guesses)) for amounts in households) / len(households)
        for guesses in combinations(range(1, 7), tries)
    ]

    assert max(won) <= bound + 1e-9
    assert tries > 1 or max(won) == pytest.approx(bound)


def test_bound_by_value() -> None:
    amounts = [Amount(100_000, 10), Amount(50_000, 5), Amount(123_456, 1)]

    bound = bounds.guess_bound(amounts, 1000, LIMITS)

    assert (bound.accounts, bound.per_account, bound.per_user_day, bound.per_address_day) == (1000, 0.016, 0.05, 0.2)
    assert bound.links_per_day == pytest.approx(2000 * 0.01 / 0.99)


def test_nothing_can_be_won_where_there_is_nothing_and_no_more_than_all() -> None:
    assert bounds.guess_bound([], 0, LIMITS) == GuessBound(0, 0.0, 0.0, 0.0, 0.0)
    assert bounds.guess_bound([Amount(100, 3)], 3, LIMITS) == GuessBound(3, 1.0, 1.0, 1.0, 3.0)


def test_tariffs_are_found_where_amounts_are_their_multiples() -> None:
    chance = random.Random(1)
    day = [chance.randint(40, 900) * 583 for _ in range(600)]
    night = [chance.randint(40, 900) * 271 for _ in range(300)]
    other = [chance.randint(10_000, 500_000) for _ in range(100)]

    amounts = counted([frozenset({kopecks}) for kopecks in day + night + other])

    assert bounds.likely_tariffs(amounts) == [583, 271]


def test_amounts_without_a_tariff_have_none() -> None:
    chance = random.Random(1)
    amounts = [Amount(chance.randint(10_000, 500_000), 1) for _ in range(2000)]

    assert bounds.likely_tariffs(amounts) == []
    assert bounds.likely_tariffs([Amount(100_000, 50)]) == []


async def compute(house: House, **settings: float) -> Told:
    async with house.running.kernel.database.transaction() as session:
        return await guessing.compute(session, house.settings.model_copy(update=settings))


async def test_bound_counts_exactly_the_amounts_that_would_link(house: House) -> None:
    """Beside `rules`, account by account: contracts that ended, began anew, payments of every fate."""
    chance, truth = random.Random(7), Counter[int]()
    facts: list[Event] = []
    winnable = 0
    for n in range(150):
        number = f"{60_000_000 + n}"
        openings = [date(2020, 1, 1)] + [TODAY - timedelta(days=chance.choice([0, 10, 40, 80]))] * chance.randint(0, 1)
        closings = [
            openings[-1] + timedelta(days=chance.choice([-1, 0, 5, 60, 200])) for _ in range(chance.choice([0, 0, 1]))
        ]
        facts += [opened(number, day) for day in openings]
        facts += [AccountClosed(account_number=number, closed_on=day) for day in closings]
        payments = []
        for place in range(4):
            payment = Payment(
                kopecks=chance.choice([0, 100, 200, 300]),
                paid_on=rules.months_before(TODAY, 3) + timedelta(days=chance.choice([-1, 0, 30, 60, 200])),
                service=chance.choice(["electricity", "electricity", "housing"]),
                reversed=chance.random() < 0.2,
            )
            posted = paid(
                f"{payment.kopecks / 100:.2f}",
                number,
                payment_id=f"{n}-{place}",
                paid_on=payment.paid_on,
                service=payment.service,
            )
            facts.append(posted)
            if payment.reversed:
                facts.append(PaymentReversed(payment_id=posted.payment_id, account_number=number, reversed_on=TODAY))
            payments.append(payment)
        contract = rules.latest_contract([Contract(day) for day in openings], closings)
        links = [
            kopecks
            for kopecks in (0, 100, 200, 300)
            if rules.decide(payments, contract, kopecks, TODAY).refusal is None
        ]
        truth.update(links)
        winnable += bool(links)
    chance.shuffle(facts)
    await house.hear(*facts)

    told = await compute(house)

    kept = await house.running.rows("SELECT kopecks, share FROM frequent_amounts ORDER BY 1")
    assert told.bound.accounts == winnable > 30
    assert {kopecks: round(share * winnable) for kopecks, share in kept} == dict(truth)


async def test_simulated_attacker_on_100_000_accounts_stays_below_the_bound(house: House) -> None:
    connection = await house.running.kernel.database.connect()
    try:
        households = await load(connection, 100_000, mixed, TODAY)
    finally:
        await connection.close()

    told = await compute(house)
    linked = greedy_attack(households, tries=5)

    best = Counter(kopecks for amounts in households for kopecks in amounts).most_common(5)
    first = [Payment(kopecks, TODAY) for kopecks in sorted(households[0])]
    assert told.bound.accounts == 100_000
    assert linked[-1] <= told.bound.per_account <= linked[-1] * 2, "a bound that says something"
    assert linked[0] == best[0][1] / 100_000
    assert told.bound.per_user_day == min(1.0, 5 * linked[0])
    assert told.bound.per_account == pytest.approx(min(1.0, sum(count for _, count in best) / 100_000))
    assert rules.decide(first, Contract(date(2020, 1, 1)), first[0].kopecks, TODAY).refusal is None
    assert told.tariffs == [583]
    assert told.classes["round sums"].bound > told.classes["tariff lattice"].bound
    assert told.alarm


async def test_guesser_at_the_door_wins_what_five_best_amounts_win_and_no_more(house: House) -> None:
    """Many users from many addresses, the most frequent amounts first, and more of them than an account bears."""
    connection = await house.running.kernel.database.connect()
    try:
        households = await load(connection, 50, mixed, TODAY)
    finally:
        await connection.close()
    told = await compute(house)
    counts = Counter(kopecks for amounts in households for kopecks in amounts)
    best = [kopecks for kopecks, _ in counts.most_common(8)]

    for place, kopecks in enumerate(best):
        for account in range(len(households)):
            amount, address = f"{kopecks // 100}.{kopecks % 100:02}", f"198.51.{place}.{account}"
            asked = await house.ask(uuid4(), f"{60_000_000 + account}", amount, **{"X-Forwarded-For": address})
            assert asked.status_code == 202
        await house.work()

    linked = {row[0] for row in await house.running.rows("SELECT DISTINCT account_number FROM links")}
    expected = {f"{60_000_000 + account}" for account, paid in enumerate(households) if paid & set(best[:5])}
    assert linked == expected
    assert len(expected) < sum(bool(paid & set(best)) for paid in households), "the limit is what kept some out"
    assert len(linked) / len(households) <= told.bound.per_account


async def test_where_frequent_amounts_are_refused_the_attacker_wins_less(house: House) -> None:
    connection = await house.running.kernel.database.connect()
    try:
        households = await load(connection, 20_000, mixed, TODAY)
    finally:
        await connection.close()
    above = 0.01

    free, told = await compute(house), await compute(house, refuse_amounts_above=above)

    counts = Counter(kopecks for amounts in households for kopecks in amounts)
    refused = {kopecks for kopecks, count in counts.items() if count / len(households) > above}
    usable = [amounts - refused for amounts in households if amounts - refused]
    assert told.refused_amounts == len(refused) > 0
    assert (told.bound.accounts, told.shut_out) == (len(usable), len(households) - len(usable))
    assert greedy_attack(usable, 5)[-1] <= told.bound.per_account < free.bound.per_account / 5
    assert told.bound.per_account <= 5 * above * len(households) / len(usable)


async def test_amount_that_too_many_pay_links_nothing_where_the_setting_says_so(open_known: House) -> None:
    others = [f"{61_000_000 + n}" for n in range(9)]
    for number in others:
        await open_known.hear(opened(number), paid("1000.00", number))
    await open_known.hear(paid("1000.00"))
    await compute(open_known)

    frequent = await open_known.ask_and_work(uuid4(), amount="1000.00")
    rare = await open_known.ask_and_work(uuid4(), amount="1234.00")

    assert (frequent["refusal"], rare["status"]) == ("not-confirmed", "linked")


@pytest.fixture
async def open_known(open_service: Callable[..., Awaitable[Running]]) -> House:
    """A house that refuses amounts that more than half of the accounts could be linked by."""
    house = House(await open_service(service, refuse_amounts_above=0.5))
    await house.hear(opened(), paid())
    return house


async def test_bound_is_told_watched_and_alarmed_of(known: House) -> None:
    before = (await known.running.client.get("/metrics")).text
    code, said = await said_by(known, "guess-bound")
    after = (await known.running.client.get("/metrics")).text

    assert 'kabinet_link_guess_bound{per="account"} 1.0' not in before
    assert (code, "ALARM" in said) == (1, True), "one account with one payment: who knows the amount wins"
    assert "one account, 5 tries in 30 days  100.0000%" in said
    assert 'kabinet_link_guess_bound{per="account"} 1.0' in after
    assert 'kabinet_link_guess_bound_of_class{amounts="round sums"} 1.0' in after
    assert await known.count("guess_bounds", "per_account = 1 AND accounts = 1") == 1


async def test_guesses_that_are_all_spent_are_named_by_readiness_and_metrics(known: House) -> None:
    most = known.settings.attempts_per_day
    await known.change(
        "INSERT INTO link_attempts SELECT gen_random_uuid(), 'all', '' FROM generate_series(1, :most)", most=most
    )

    ready = (await known.running.client.get("/readyz")).json()
    metrics = (await known.running.client.get("/metrics")).text

    assert "nobody can ask for an account" in ready["degraded"]["link_attempts"]
    assert f"kabinet_link_attempts_day {most}.0" in metrics


def test_settings_of_the_policy_are_the_contracts() -> None:
    fields = BillingLinkSettings.model_fields

    assert {name: fields[f"attempts_{name}"].default for name in ("per_account", "account_days", "per_user_day")} == {
        "per_account": 5,
        "account_days": 30,
        "per_user_day": 5,
    }
    assert (fields["attempts_per_address_day"].default, fields["attempts_per_day"].default) == (20, 2000)
    assert fields["refuse_amounts_above"].default is None


async def test_every_amount_of_a_class_is_weighed_within_its_class(house: House) -> None:
    await house.hear(
        *(opened(f"{60_000_000 + n}") for n in range(4)),
        *(paid("500.00", f"{60_000_000 + n}") for n in range(3)),
        paid("123.45", "60000003"),
    )

    told = await compute(house, attempts_per_account=1)

    assert {name: (one.accounts, one.payments, one.bound) for name, one in told.classes.items()} == {
        "round sums": (3, 3, 1.0),
        "odd kopecks": (1, 1, 1.0),
    }
    assert told.bound.per_account == 0.75
    assert NUMBER not in "".join(guessing.lines(told))


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_differ_in_what_a_guesser_wins(shape: str) -> None:
    chance, payer = random.Random(3), SHAPES[shape]
    households = [frozenset(payer(chance) for _ in range(3)) for _ in range(5000)]
    expected = {"by bill": (0.0, 0.02), "by meter": (0.03, 0.15), "a third in round sums": (0.4, 0.9)}[shape]

    won = greedy_attack(households, 5)[-1]

    assert expected[0] <= won <= expected[1]
