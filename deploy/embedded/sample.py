"""Sample exports of a small town: accounts, payments and the old portal's users, relative to today."""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from deploy.embedded.old_portal import HASHES

ACCOUNTS = 200
OLD_USERS = 40
_TOWNS = ("г. Курск", "г. Тверь", "г. Смоленск", "г. Мурманск", "пгт Нелидово")
_STREETS = ("ул. Ленина", "пр. Победы", "ул. Энергетиков", "пер. Садовый", "ул. Карла Маркса")
_PASSWORDS = ("qwerty", "parol", "Лето", "energo", "Свет", "12345")
_KOPECKS_PER_KWH = 583


@dataclass(frozen=True)
class Payment:
    """A payment to try: what to type as account number and amount."""

    account_number: str
    amount: str


@dataclass(frozen=True)
class OldLogin:
    """Somebody of the old portal: what to type as login and password, and what the portal knew."""

    login: str
    password: str
    email: str
    phone: str
    scheme: str


@dataclass(frozen=True)
class Sample:
    """The files, and what is worth trying with them."""

    accounts: Path
    payments: Path
    legacy_users: Path
    links: Payment
    links_with_comma: Payment
    wrong: Payment
    """The account of `links` with an amount that was never paid on it."""
    reversed: Payment
    too_old: Payment
    closed: Payment
    """A payment that would do, on an account that is closed."""
    before_reopening: Payment
    """Paid by the flat's earlier tenant."""
    after_reopening: Payment
    old_logins: tuple[OldLogin, ...]

    @property
    def old_login_with_email(self) -> OldLogin:
        return next(old for old in self.old_logins if old.email)

    @property
    def old_login_without_email(self) -> OldLogin:
        return next(old for old in self.old_logins if not old.email)

    @property
    def old_logins_with_one_address(self) -> tuple[OldLogin, OldLogin]:
        """Two old logins of one person."""
        first, second = (old for old in self.old_logins if old.email == "semya@example.org")
        return first, second


def make(folder: Path, today: date) -> Sample:
    """Write `accounts.csv`, `payments.csv` and `legacy_users.csv` into `folder`.

    The same day gives the same rows, but for salts. The files look as such systems write them (semicolons, CRLF; the
    billing files in cp1251 with decimal commas), and two payments are broken, so that some rows are rejected.
    """
    rng = random.Random(20_000)
    folder.mkdir(parents=True, exist_ok=True)
    town = _Town(rng, today)
    known = _known_accounts(town, today)
    while len(town.numbers) < ACCOUNTS:
        number = f"{rng.randint(60_000_000, 69_999_999)}"
        if number not in town.numbers:
            town.ordinary(number)
    old_logins = _old_logins(rng, [number for number in town.numbers if number not in set(_KNOWN)])
    accounts, payments, legacy_users = (folder / f"{name}.csv" for name in ("accounts", "payments", "legacy_users"))
    _write(accounts, ["account_number", "address", "opened_on", "closed_on"], town.accounts, "cp1251")
    columns = ["payment_id", "account_number", "amount", "paid_on", "service", "reversed_on"]
    broken = [
        ["s-broken-1", "67123456", "1e3", today.isoformat(), "electricity", ""],
        ["s-broken-2", "67123456", "500,00", "2026-02-31", "electricity", ""],
    ]
    _write(payments, columns, town.payments + broken, "cp1251")
    rows = [[old.login, HASHES[old.scheme](old.password, rng), old.email, old.phone] for old in old_logins]
    _write(legacy_users, ["account_number", "password_hash", "email", "phone"], rows, "utf-8")
    return Sample(accounts, payments, legacy_users, **known, old_logins=tuple(old_logins))


_KNOWN = ("67123456", "67000017", "67000025", "67000033")


def _known_accounts(town: "_Town", today: date) -> dict[str, Payment]:
    """The accounts to try first; their payments are such that each confirms or does not for one reason only."""

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    first, second, closed, reopened = _KNOWN
    town.account(first, ago(2000))
    town.account(second, ago(1500))
    town.account(closed, ago(1500), ago(10))
    town.account(reopened, ago(1500), ago(31))
    town.account(reopened, ago(30))
    known = {
        "links": town.payment(first, 123_400, ago(3)),
        "links_with_comma": town.payment(second, 98_765, ago(5)),
        "reversed": town.payment(second, 50_100, ago(9), reversed_on=ago(8)),
        "too_old": town.payment(second, 77_700, ago(120)),
        "closed": town.payment(closed, 64_050, ago(20)),
        "before_reopening": town.payment(reopened, 111_100, ago(50)),
        "after_reopening": town.payment(reopened, 222_200, ago(4)),
    }
    town.payment(first, 45_600, ago(3), service="housing")
    town.payment(first, 0, ago(4))
    dot, comma = known["links"], known["links_with_comma"]
    known["links"] = Payment(first, dot.amount.replace(",", "."))
    known["links_with_comma"] = comma
    known["wrong"] = Payment(first, "1234.01")
    return known


class _Town:
    """The rows of the billing system's two exports as they are thought up."""

    def __init__(self, rng: random.Random, today: date) -> None:
        self._rng = rng
        self._today = today
        self.accounts: list[list[str]] = []
        self.payments: list[list[str]] = []
        self.numbers: dict[str, str] = {}
        """Account number to address, in the order of their making."""

    def account(self, number: str, opened_on: date, closed_on: date | None = None) -> None:
        rng = self._rng
        place = f"{rng.choice(_TOWNS)}, {rng.choice(_STREETS)}, д. {rng.randint(1, 120)}, кв. {rng.randint(1, 300)}"
        address = self.numbers.setdefault(number, place)
        closed = closed_on.isoformat() if closed_on else ""
        self.accounts.append([number, address, opened_on.isoformat(), closed])

    def payment(
        self,
        number: str,
        kopecks: int,
        paid_on: date,
        service: str = "electricity",
        reversed_on: date | None = None,
    ) -> Payment:
        amount = f"{kopecks // 100},{kopecks % 100:02d}"
        taken_back = reversed_on.isoformat() if reversed_on else ""
        payment_id = f"s-{len(self.payments) + 1:06d}"
        self.payments.append([payment_id, number, amount, paid_on.isoformat(), service, taken_back])
        return Payment(number, amount)

    def ordinary(self, number: str) -> None:
        """An account with half a year of payments; some flats have a new tenant, some payments were taken back."""
        rng, opened_on = self._rng, self._today - timedelta(days=self._rng.randint(200, 9000))
        if rng.random() < 0.04:
            self.account(number, opened_on, self._today - timedelta(days=60))
            opened_on = self._today - timedelta(days=59)
        self.account(number, opened_on)
        for month in range(6):
            paid_on = self._today - timedelta(days=30 * month + rng.randint(1, 25))
            taken_back = paid_on + timedelta(days=1) if rng.random() < 0.02 else None
            self.payment(number, _KOPECKS_PER_KWH * rng.randint(40, 900), paid_on, reversed_on=taken_back)
            if rng.random() < 0.25:
                self.payment(number, 100 * rng.randint(300, 2500), paid_on, service="housing")


def _old_logins(rng: random.Random, numbers: Sequence[str]) -> list[OldLogin]:
    schemes = list(HASHES)
    found = []
    for place, number in enumerate(numbers[:OLD_USERS]):
        email = "" if place % 3 == 2 else f"user{place}@example.org"
        if place in (10, 21):
            email = "semya@example.org"
        phone = "" if place % 4 == 3 else f"8 9{rng.randint(10, 99)} {rng.randint(100, 999)}-{place:02d}-00"
        password = f"{rng.choice(_PASSWORDS)}{rng.randint(10, 9999)}"
        found.append(OldLogin(number, password, email, phone, schemes[place % len(schemes)]))
    return found


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], encoding: str) -> None:
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)
