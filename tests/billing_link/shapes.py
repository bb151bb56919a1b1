"""Households that pay as people do: three ways in which the amounts of a retailer's payments are spread."""

import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import asyncpg

TARIFF = 583
"""Kopecks for a kilowatt-hour."""
ROUND = (50_000, 70_000, 100_000, 100_000, 150_000, 200_000, 300_000)
PAYMENTS = 3
"""In the three months that count."""

Payer = Callable[[random.Random], int]


def by_meter(chance: random.Random) -> int:
    """What the meter says: a consumption like other households', times the tariff."""
    return max(1, round(chance.lognormvariate(5.2, 0.6))) * TARIFF


def by_bill(chance: random.Random) -> int:
    """A bill with other services and a balance in it: every kopeck is possible."""
    return round(chance.lognormvariate(11.4, 0.5))


def in_advance(chance: random.Random) -> int:
    """A round sum, whatever was used."""
    return chance.choice(ROUND)


def mixed(chance: random.Random) -> int:
    return in_advance(chance) if chance.random() < 0.3 else by_meter(chance)


SHAPES: Mapping[str, Payer] = {"by bill": by_bill, "by meter": by_meter, "a third in round sums": mixed}


async def load(
    connection: asyncpg.Connection, accounts: int, payer: Payer, today: date, seed: int = 1
) -> list[frozenset[int]]:
    """Write so many accounts, each with `PAYMENTS` payments that confirm; the amounts of each account.

    The planner's figures stay as they were: so an import finds them when it has just committed millions of rows.
    """
    chance = random.Random(seed)
    numbers = [f"{60_000_000 + n}" for n in range(accounts)]
    paid = [[payer(chance) for _ in range(PAYMENTS)] for _ in numbers]
    opened, told_at = date(2020, 1, 1), "address_as_of"
    contracts = ["account_number", "opened_on", "address", told_at]
    moment = await connection.fetchval("SELECT now()")
    for table in ("contracts", "payments"):
        await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    await connection.copy_records_to_table(
        "contracts", records=((number, opened, "", moment) for number in numbers), columns=contracts
    )
    await connection.copy_records_to_table(
        "payments",
        records=(
            (f"{number}-{place}", number, kopecks, today - timedelta(days=20 + 25 * place), "electricity", moment)
            for number, amounts in zip(numbers, paid, strict=True)
            for place, kopecks in enumerate(amounts)
        ),
        columns=["payment_id", "account_number", "kopecks", "paid_on", "service", "as_of"],
    )
    return [frozenset(amounts) for amounts in paid]


def greedy_attack(households: list[frozenset[int]], tries: int) -> list[float]:
    """The share of accounts linked after each try by the best guesser that there is: each next amount is the most
    frequent among the accounts that are not linked yet, as the guesser knows every household's payments but not whose
    they are."""
    left, linked, shares = list(households), 0, []
    for _ in range(tries):
        counts: dict[int, int] = {}
        for amounts in left:
            for kopecks in amounts:
                counts[kopecks] = counts.get(kopecks, 0) + 1
        guess = max(counts, key=lambda kopecks: counts[kopecks], default=0)
        still = [amounts for amounts in left if guess not in amounts]
        linked += len(left) - len(still)
        left = still
        shares.append(linked / len(households))
    return shares
