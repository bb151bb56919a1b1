"""Exports of the billing system, as they really look."""

import csv
import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from billing_link.importing import Files, Imported, import_billing
from shared.contracts.billing_link import AccountLinked, AccountUnlinked
from shared.contracts.identity import LegacyUserMigrated
from shared.importing import ImportRefused, TooManyRejects

from .conftest import NUMBER, TODAY, House, said_by

ACCOUNTS = "account_number,address,opened_on,closed_on"
PAYMENTS = "payment_id,account_number,amount,paid_on,service,reversed_on"
RECENT = (TODAY - timedelta(days=20)).isoformat()
ACCOUNT = f'{NUMBER},"г. Тверь, ул. Садовая, д. 5",2020-01-01,'
PAYMENT = f"p1,{NUMBER},1234.00,{RECENT},electricity,"


def written(folder: Path, name: str, *lines: str, encoding: str = "utf-8", newline: str = "\n") -> Path:
    path = folder / name
    path.write_bytes(newline.join([*lines, ""]).encode(encoding))
    return path


async def run(house: House, accept_rejects: bool = False, dry_run: bool = False, **files: Any) -> Imported:
    database, zone = house.running.kernel.database, house.settings.time_zone
    return await import_billing(database, Files(**files), zone, accept_rejects=accept_rejects, dry_run=dry_run)


async def take(house: House, folder: Path, accounts: list[str], payments: list[str], as_of: date | None = None) -> None:
    await run(
        house,
        accounts=written(folder, "accounts.csv", ACCOUNTS, *accounts),
        payments=written(folder, "payments.csv", PAYMENTS, *payments),
        as_of=as_of,
    )


def everything_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_imported_payment_links(house: House, tmp_path: Path) -> None:
    await take(house, tmp_path, [ACCOUNT], [PAYMENT])

    assert (await house.ask_and_work(uuid4()))["status"] == "linked"
    assert {path.name for path in everything_in(tmp_path)} == {"accounts.csv", "payments.csv"}


async def test_cp1251_with_semicolons_decimal_commas_and_crlf_is_read(house: House, tmp_path: Path) -> None:
    user = uuid4()
    form = {"encoding": "cp1251", "newline": "\r\n"}
    accounts = [ACCOUNTS.replace(",", ";"), f"{NUMBER};г. Тверь, ул. Садовая, д. 5;01.01.2020;"]
    payments = [PAYMENTS.replace(",", ";"), f"p1;{NUMBER};1 234,00;{RECENT};electricity;"]

    await run(
        house,
        accounts=written(tmp_path, "accounts.csv", *accounts, **form),
        payments=written(tmp_path, "payments.csv", *payments, **form),
    )

    assert (await house.ask_and_work(user))["status"] == "linked"
    assert (await house.accounts(user))[0]["address"] == "г. Тверь, ул. Сад…, д. …"


BROKEN_ACCOUNTS = [
    ("12,address,2020-01-01,", "account_number is not 5 to 14 digits"),
    (f"{NUMBER},address,,", "opened_on is not a date like 2026-11-25"),
    (f"{NUMBER},address,31.02.2020,", "opened_on is not a date like 2026-11-25"),
    (f"{NUMBER},address,2020-01-01,2019-01-01", "closed_on is before opened_on"),
    (f"{NUMBER},address", "2 columns instead of 4"),
    (f"{NUMBER},{'a' * 501},2020-01-01,", "address is longer than 500 characters"),
]
BROKEN_PAYMENTS = [
    (f"p2,{NUMBER},1e3,{RECENT},electricity,", "amount is not a number with at most two decimals"),
    (f"p2,{NUMBER},１２３.00,{RECENT},electricity,", "amount is not a number with at most two decimals"),
    (f"p2,{NUMBER},,{RECENT},electricity,", "amount is not a number with at most two decimals"),
    (f"p2,{NUMBER},1.00,2026-13-01,electricity,", "paid_on is not a date like 2026-11-25"),
    (f"p2,{NUMBER},1.00,{RECENT},electricity,soon", "reversed_on is not a date like 2026-11-25"),
    (f",{NUMBER},1.00,{RECENT},electricity,", "payment_id is not 1 to 64 characters"),
    (f"p2,{NUMBER},1.00,{RECENT},,", "service is not 1 to 50 characters"),
    (f"p2,,1.00,{RECENT},electricity,", "account_number is not 5 to 14 digits"),
    (f"p2,{NUMBER}", "2 columns instead of 6"),
]


@pytest.mark.parametrize(
    ("kind", "header", "good", "broken"),
    [("accounts", ACCOUNTS, ACCOUNT, BROKEN_ACCOUNTS), ("payments", PAYMENTS, PAYMENT, BROKEN_PAYMENTS)],
    ids=["accounts", "payments"],
)
async def test_broken_rows_go_into_the_rejects_with_line_and_reason(
    house: House, tmp_path: Path, kind: str, header: str, good: str, broken: list[tuple[str, str]]
) -> None:
    path = written(tmp_path, f"{kind}.csv", header, good, *(row for row, _reason in broken))
    files: dict[str, Any] = {kind: path}

    [applied] = (await run(house, accept_rejects=True, **files)).files

    rejected = csv.DictReader((tmp_path / f"{kind}.csv.rejected.csv").read_text().splitlines())
    told = [(int(row["line_number"]), row["reason"]) for row in rejected]
    assert (applied.file.good, applied.file.bad) == (1, len(broken))
    assert told == [(line, reason) for line, (_row, reason) in enumerate(broken, start=3)]
    assert await house.count("contracts" if kind == "accounts" else "payments") == 1


async def test_file_with_too_many_bad_rows_applies_nothing_of_either_file(house: House, tmp_path: Path) -> None:
    accounts = written(tmp_path, "accounts.csv", ACCOUNTS, ACCOUNT)
    payments = written(tmp_path, "payments.csv", PAYMENTS, PAYMENT, "broken")

    with pytest.raises(TooManyRejects) as refused:
        await run(house, accounts=accounts, payments=payments)

    assert refused.value.exit_code == 3
    assert await house.count("contracts") == await house.count("payments") == 0


async def test_payments_without_the_reversal_column_are_read(house: House, tmp_path: Path) -> None:
    header, row = PAYMENTS.removesuffix(",reversed_on"), PAYMENT.removesuffix(",")

    [applied] = (await run(house, payments=written(tmp_path, "payments.csv", header, row))).files

    assert (applied.file.good, applied.file.bad, applied.new) == (1, 0, 1)


async def test_doubled_row_counts_once_and_a_reversal_in_either_line_stays(house: House, tmp_path: Path) -> None:
    await take(house, tmp_path, [ACCOUNT, ACCOUNT], [f"{PAYMENT}{RECENT}", PAYMENT, PAYMENT])

    assert await house.count("contracts") == await house.count("payments") == 1
    assert (await house.ask_and_work(uuid4()))["refusal"] == "not-confirmed"


async def test_reopened_account_counts_from_its_latest_contract(house: House, tmp_path: Path) -> None:
    began = TODAY - timedelta(days=10)
    rows = [f"{NUMBER},a,2010-01-01,{began - timedelta(days=1)}", f"{NUMBER},a,{began},"]
    fresh = f"p2,{NUMBER},55.00,{began},electricity,"
    await take(house, tmp_path, rows, [PAYMENT, fresh])

    assert (await house.ask_and_work(uuid4()))["refusal"] == "not-confirmed"
    assert (await house.ask_and_work(uuid4(), amount="55.00"))["status"] == "linked"


async def everything(house: House) -> list[Any]:
    contracts = "SELECT account_number, opened_on, address, closed_on FROM contracts ORDER BY 1, 2"
    payments = "SELECT payment_id, account_number, kopecks, paid_on, service, reversed_on FROM payments ORDER BY 1"
    return [await house.running.rows(contracts), await house.running.rows(payments)]


OLDER = (
    [f"{NUMBER},old address,2020-01-01,", "55555555,x,2020-01-01,"],
    [PAYMENT, f"p2,{NUMBER},1.00,{RECENT},electricity,"],
)
NEWER = (
    [f"{NUMBER},new address,2020-01-01,{TODAY}"],
    [f"p1,{NUMBER},4321.00,{RECENT},electricity,", f"p2,{NUMBER},1.00,{RECENT},electricity,{RECENT}"],
)


@pytest.mark.parametrize("order", [["older", "newer"], ["newer", "older"], ["newer", "older", "newer", "older"]])
async def test_older_file_never_overwrites_a_newer_one(house: House, tmp_path: Path, order: list[str]) -> None:
    files = {"older": (OLDER, TODAY - timedelta(days=2)), "newer": (NEWER, TODAY - timedelta(days=1))}

    for name in order:
        (accounts, payments), as_of = files[name]
        await take(house, tmp_path, accounts, payments, as_of)

    day = date.fromisoformat(RECENT)
    assert await everything(house) == [
        [("55555555", date(2020, 1, 1), "x", None), (NUMBER, date(2020, 1, 1), "new address", TODAY)],
        [("p1", NUMBER, 432100, day, "electricity", None), ("p2", NUMBER, 100, day, "electricity", day)],
    ]


async def test_same_file_again_writes_nothing(house: House, tmp_path: Path) -> None:
    await take(house, tmp_path, *OLDER)
    before = await house.running.rows("SELECT xmin::text, payment_id FROM payments ORDER BY 2")

    await take(house, tmp_path, *OLDER)

    assert await house.running.rows("SELECT xmin::text, payment_id FROM payments ORDER BY 2") == before


async def test_import_ends_links_of_earlier_contracts_and_grants_what_waited(house: House, tmp_path: Path) -> None:
    tenant, migrated, began = uuid4(), uuid4(), TODAY - timedelta(days=10)
    await take(house, tmp_path, [ACCOUNT], [PAYMENT])
    await house.ask_and_work(tenant)
    await house.hear(LegacyUserMigrated(user_id=migrated, account_number="55555555", credentials_as_of=TODAY))

    await take(house, tmp_path, [f"{NUMBER},a,{began},", "55555555,x,2020-01-01,"], [])

    [unlinked] = await house.said(AccountUnlinked)
    assert (unlinked.user_id, unlinked.reason) == (tenant, "new-contract")
    assert [(event.user_id, event.origin) for event in await house.said(AccountLinked)] == [
        (tenant, "amount"),
        (migrated, "migrated"),
    ]


async def test_dry_run_says_what_would_change_and_changes_nothing(house: House, tmp_path: Path) -> None:
    await take(house, tmp_path, *OLDER)
    await house.ask_and_work(uuid4())
    before, began = await everything(house), TODAY - timedelta(days=10)
    accounts = [*OLDER[0], f"{NUMBER},a,{began},", "broken"]
    payments = [PAYMENT, f"p2,{NUMBER},2.00,{RECENT},electricity,", f"p3,{NUMBER},3.00,{RECENT},electricity,"]

    done = await run(
        house,
        dry_run=True,
        accept_rejects=True,
        accounts=written(tmp_path, "accounts.csv", ACCOUNTS, *accounts),
        payments=written(tmp_path, "payments.csv", PAYMENTS, *payments),
    )

    assert [(one.new, one.changed) for one in done.files] == [(1, 0), (1, 1)]
    assert done.links_ended == 1
    assert (tmp_path / "accounts.csv.rejected.csv").exists()
    assert await everything(house) == before
    assert await house.said(AccountUnlinked) == []


INTERRUPTED = [
    "database.flushed=kill@2",
    "database.committed=kill@2",
    "database.flushed=kill@4",
    "database.committed=kill@4",
]
"""Before anything is committed, when the files are, before and after a batch of what follows from them is."""


@pytest.mark.parametrize("point", INTERRUPTED)
async def test_import_that_was_killed_anywhere_and_ran_again_ends_in_the_same_state(
    house: House, tmp_path: Path, point: str
) -> None:
    tenant, migrated, began = uuid4(), uuid4(), TODAY - timedelta(days=10)
    await take(house, tmp_path, [ACCOUNT], [PAYMENT])
    await house.ask_and_work(tenant)
    await house.hear(LegacyUserMigrated(user_id=migrated, account_number="55555555", credentials_as_of=TODAY))
    before = await everything(house)
    accounts = written(tmp_path, "accounts.csv", ACCOUNTS, f"{NUMBER},a,{began},", "55555555,x,2020-01-01,")
    payments = written(tmp_path, "payments.csv", PAYMENTS, f"p9,{NUMBER},9.00,{RECENT},electricity,")
    files = ("--accounts", str(accounts), "--payments", str(payments))

    killed = await said_by(house, "import", *files, fail_points=point)
    after_the_kill = await everything(house)
    await run(house, accounts=accounts, payments=payments)
    again = await run(house, accounts=accounts, payments=payments)

    assert killed[0] == -signal.SIGKILL
    assert (after_the_kill == before) == (point == INTERRUPTED[0])
    assert [(one.new, one.changed) for one in again.files] == [(0, 0), (0, 0)]
    assert [(event.user_id, event.reason) for event in await house.said(AccountUnlinked)] == [(tenant, "new-contract")]
    assert [event.user_id for event in await house.said(AccountLinked)] == [tenant, migrated]
    assert await house.count("contracts") == 3
    assert await house.count("payments") == 2


async def test_program_tells_what_it_took_and_the_guess_bound(house: House, tmp_path: Path) -> None:
    accounts = str(written(tmp_path, "accounts.csv", ACCOUNTS, ACCOUNT))
    payments = str(written(tmp_path, "payments.csv", PAYMENTS, *[PAYMENT] * 3, "broken"))

    refused = await said_by(house, "import", "--accounts", accounts, "--payments", payments)
    tried = await said_by(house, "import", "--payments", payments, "--accept-rejects", "--dry-run")
    code, said = await said_by(house, "import", "--accounts", accounts, "--payments", payments, "--accept-rejects")

    assert refused[0] == 3
    assert (tried[0], "1 new, 0 changed" in tried[1], "this was a dry run" in tried[1]) == (0, True, True)
    assert code == 0, said
    assert "payments.csv: 3 rows taken, 1 new, 0 changed, 1 bad row in" in said
    assert "Guessing, with 1 accounts that a payment would link:" in said
    assert await house.count("guess_bounds") == 1


async def test_day_that_has_not_come_is_refused(house: House, tmp_path: Path) -> None:
    path = written(tmp_path, "accounts.csv", ACCOUNTS, ACCOUNT)

    with pytest.raises(ImportRefused, match="--as-of"):
        await run(house, accounts=path, as_of=TODAY + timedelta(days=1))


async def test_missing_column_is_named(house: House, tmp_path: Path) -> None:
    path = written(tmp_path, "payments.csv", "payment_id,account_number,amount,service", "p1,67123456,1.00,electricity")

    with pytest.raises(ImportRefused, match="paid_on"):
        await run(house, payments=path)
