"""What guessing amounts can win, from how many accounts each amount would link; plain functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

AmountClass = Literal["round sums", "tariff lattice", "odd kopecks"]
CLASSES: tuple[AmountClass, ...] = ("round sums", "tariff lattice", "odd kopecks")

TARIFFS = range(100, 1501)
"""Kopecks for a kilowatt-hour: a rouble to fifteen roubles."""
MOST_TARIFFS = 3
_LEAST_AMOUNTS = 20
_LEAST_SHARE = 0.1
_LEAST_LIFT = 5.0


@dataclass(frozen=True)
class Amount:
    """An amount, and how many accounts have a payment of it that confirms a link today."""

    kopecks: int
    accounts: int


@dataclass(frozen=True)
class Limits:
    """The wrong amounts that the policy lets through."""

    per_account: int
    account_days: int
    per_user_day: int
    per_address_day: int
    per_day: int


@dataclass(frozen=True)
class ClassBound:
    """The guesser knows of which class the household's payment is: the share of these accounts that the limit lets
    them link by the best amounts of the class."""

    accounts: int
    payments: int
    bound: float


@dataclass(frozen=True)
class GuessBound:
    """Upper bounds for a guesser who knows every amount's frequency and nothing of the household.

    Each is a union bound: tries may be correlated or adaptive, a refusal tells nothing but that it was refused.
    """

    accounts: int
    per_account: float
    """The chance of linking one account with all the tries that it bears in its days."""
    per_user_day: float
    per_address_day: float
    """The chance of linking any account with the tries of one user, one address, in a day."""
    links_per_day: float
    """How many accounts all guessers together can link a day, in the mean, if the limit of all is used up."""


def likely_tariffs(amounts: Sequence[Amount]) -> list[int]:
    """Prices of a kilowatt-hour of which so many amounts are whole multiples that it is no chance, most telling first.

    Round sums say nothing of a tariff and are passed over.
    """
    left = [amount for amount in amounts if amount.kopecks % 100]
    total = sum(amount.accounts for amount in left)
    found: list[int] = []
    while left and len(found) < MOST_TARIFFS:
        explained = {tariff: _multiples(left, tariff) for tariff in TARIFFS}
        best = max(TARIFFS, key=lambda tariff: (explained[tariff], tariff))
        share = explained[best] / total
        different = sum(amount.kopecks % best == 0 for amount in left)
        # One amount in `best` would be a multiple by chance.
        if different < _LEAST_AMOUNTS or share < _LEAST_SHARE or share * best < _LEAST_LIFT:
            break
        found.append(best)
        left = [amount for amount in left if amount.kopecks % best]
    return found


def _multiples(amounts: Iterable[Amount], tariff: int) -> int:
    return sum(amount.accounts for amount in amounts if amount.kopecks % tariff == 0)


def best_first(amounts: Sequence[Amount], accounts: int, tries: int) -> float:
    """The most that so many different amounts can win at one account: the sum of the largest shares, at most 1."""
    best = sorted((amount.accounts for amount in amounts), reverse=True)[:tries]
    return min(1.0, sum(best) / accounts) if accounts else 0.0


def guess_bound(amounts: Sequence[Amount], accounts: int, limits: Limits) -> GuessBound:
    """`accounts` are those that some amount would link; at all others nothing can be won."""
    best = best_first(amounts, accounts, 1)
    return GuessBound(
        accounts=accounts,
        per_account=best_first(amounts, accounts, limits.per_account),
        per_user_day=min(1.0, limits.per_user_day * best),
        per_address_day=min(1.0, limits.per_address_day * best),
        links_per_day=_wins(limits.per_day, best, accounts),
    )


def _wins(wrong: int, chance: float, accounts: int) -> float:
    """Only a wrong amount is charged: before so many failures come, in the mean, so many successes."""
    return float(accounts) if chance >= 1 else min(float(accounts), wrong * chance / (1 - chance))
