"""A retailer's exports in the forms in which they come, and beside them what is true about each account."""

import csv
import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from .test_rules import slow_months_before

ACCOUNTS = 120
_BEGAN = date(2015, 6, 1)
_COMMON = (50_000, 100_000, 123_400)


@dataclass(frozen=True)
class Form:
    """How a billing system writes."""

    encoding: str
    delimiter: str
    decimal: str = "."
    newline: str = "\n"
    day: str = "%Y-%m-%d"
    thousands: str = ""

    def __str__(self) -> str:
        return f"{self.encoding} {self.delimiter!r} {self.decimal} {self.newline!r} {self.day}"

    def amount(self, kopecks: int) -> str:
        roubles, rest = divmod(abs(kopecks), 100)
        grouped = f"{roubles:,}".replace(",", self.thousands)
        return f"{'-' if kopecks < 0 else ''}{grouped}{self.decimal}{rest:02}"

    def date(self, day: date | None) -> str:
        return "" if day is None else day.strftime(self.day)


@dataclass
class Known:
    """One account's amounts in kopecks: those that link it, and those that were paid and must not."""

    confirms: set[int]
    refuses: set[int]


@dataclass(frozen=True)
class Exports:
    accounts: Path
    payments: Path
    truth: Mapping[str, Known]
    bad: int
    """So many rows of payments are broken."""


@dataclass(frozen=True)
class _Contract:
    opened_on: date
    closed_on: date | None


def write(folder: Path, form: Form, today: date, seed: int = 1) -> Exports:
    """The files as of `today`. What is true is noted where a payment is made, by the contract's words and not by
    `billing_link.rules`."""
    chance = random.Random(seed)
    first = slow_months_before(today, 3)
    accounts, payments, bad = [], [], 0
    truth: dict[str, Known] = defaultdict(lambda: Known(set(), set()))
    for n in range(ACCOUNTS):
        number = f"{n:08d}"  # leading zeros count
        contracts = _contracts(chance, today, first)
        latest = contracts[-1]
        address = f'г. Тверь, пер. "Ёлочный"; д. {n}, кв. {chance.randint(1, 300)}'
        accounts += [[number, address, form.date(one.opened_on), form.date(one.closed_on)] for one in contracts]
        edges = [first, today, latest.opened_on]
        days = [edge + timedelta(days=by) for edge in edges for by in (-1, 0, 1)]
        for place, paid_on in enumerate([*days, *(today - timedelta(days=chance.randint(0, 150)) for _ in range(4))]):
            kopecks = chance.choice([*_COMMON, 0, -4_550, *(chance.randint(1, 900_000) for _ in range(6))])
            service = chance.choice(["electricity", "electricity", "electricity", "housing"])
            reversed_on = today if chance.random() < 0.1 else None
            row = [f"p{n}-{place}", number, form.amount(kopecks), form.date(paid_on), service, form.date(reversed_on)]
            payments += [row] * chance.choice([1, 1, 1, 2])
            electricity = service == "electricity" and kopecks > 0 and reversed_on is None
            runs = latest.closed_on is None or today < latest.closed_on
            if electricity and runs and latest.opened_on <= paid_on and first <= paid_on <= today:
                truth[number].confirms.add(kopecks)
            else:
                truth[number].refuses.add(kopecks)
        if n % 20 == 0:
            payments.append([f"broken-{n}", number, "1e3", form.date(today), "electricity", ""])
            bad += 1
    for known in truth.values():
        known.refuses -= known.confirms
    chance.shuffle(accounts)
    chance.shuffle(payments)
    columns = ["account_number", "address", "opened_on", "closed_on"]
    return Exports(
        _written(folder / "accounts.csv", form, [columns, *accounts]),
        _written(
            folder / "payments.csv",
            form,
            [["payment_id", "account_number", "amount", "paid_on", "service", "reversed_on"], *payments],
        ),
        truth,
        bad,
    )


def _contracts(chance: random.Random, today: date, first: date) -> list[_Contract]:
    """One household; or two, the second from within the window; or one whose contract ended, or will."""
    kind = chance.choice(["one", "one", "new tenant", "same day", "closed", "closes"])
    if kind in ("new tenant", "same day"):
        began = first + timedelta(days=chance.randint(0, (today - first).days))
        return [_Contract(_BEGAN, began - timedelta(days=kind == "new tenant")), _Contract(began, None)]
    closed_on = {"closed": today, "closes": today + timedelta(days=1)}.get(kind)
    return [_Contract(_BEGAN, closed_on)]


def _written(path: Path, form: Form, rows: list[list[str]]) -> Path:
    with path.open("w", encoding=form.encoding, newline="") as file:
        csv.writer(file, delimiter=form.delimiter, lineterminator=form.newline).writerows(rows)
    return path
