"""The sample that a fresh set is filled with."""

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest

from deploy.embedded.sample import ACCOUNTS, OLD_USERS, Payment, Sample, make
from identity.old_hashes import parse, verify

TODAY = date(2026, 3, 31)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make(tmp_path_factory.mktemp("sample"), TODAY)


def rows(path: Path, encoding: str) -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.DictReader(stream, delimiter=";"))


def paid(sample: Sample, wanted: Payment) -> list[dict[str, str]]:
    amount = wanted.amount.replace(".", ",")
    return [
        row
        for row in rows(sample.payments, "cp1251")
        if (row["account_number"], row["amount"]) == (wanted.account_number, amount)
    ]


def test_every_old_login_opens_with_its_password(sample: Sample) -> None:
    hashes = {row["account_number"]: row["password_hash"] for row in rows(sample.legacy_users, "utf-8")}

    assert len(sample.old_logins) == len(hashes) == OLD_USERS
    assert all(verify(parse(hashes[old.login]), old.password) for old in sample.old_logins)


def test_the_old_logins_belong_to_accounts_and_cover_every_scheme(sample: Sample) -> None:
    accounts = {row["account_number"] for row in rows(sample.accounts, "cp1251")}

    assert len(accounts) == ACCOUNTS
    assert {old.login for old in sample.old_logins} <= accounts
    assert len({old.scheme for old in sample.old_logins}) == 20
    assert sample.old_login_with_email.email
    assert not sample.old_login_without_email.email
    assert len({old.login for old in sample.old_logins_with_one_address}) == 2


def test_the_amount_to_try_was_paid_once_and_lately(sample: Sample) -> None:
    for wanted in (sample.links, sample.links_with_comma, sample.after_reopening):
        (payment,) = paid(sample, wanted)

        assert payment["service"] == "electricity"
        assert payment["reversed_on"] == ""
        assert TODAY - timedelta(days=7) <= date.fromisoformat(payment["paid_on"]) < TODAY


def test_the_wrong_amount_was_never_paid(sample: Sample) -> None:
    assert paid(sample, sample.wrong) == []


def test_each_refused_payment_has_one_reason(sample: Sample) -> None:
    contracts = {row["account_number"]: row for row in rows(sample.accounts, "cp1251")}
    (taken_back,), (old,), (closed,), (earlier,) = (
        paid(sample, wanted) for wanted in (sample.reversed, sample.too_old, sample.closed, sample.before_reopening)
    )

    assert taken_back["reversed_on"]
    assert date.fromisoformat(old["paid_on"]) < TODAY - timedelta(days=92)
    assert contracts[closed["account_number"]]["closed_on"]
    assert earlier["paid_on"] < contracts[earlier["account_number"]]["opened_on"]
