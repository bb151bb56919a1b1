"""Exports in every form: each amount that was ever paid links its account or not, as is true about it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from billing_link.billing_facts import contracts_of, payments_of
from billing_link.importing import Files, import_billing
from billing_link.rules import decide, months_before

from .conftest import TODAY, House
from .exports import Form, Known, write

FORMS = [
    (Form("utf-8", ","), TODAY),
    (Form("utf-8-sig", ",", decimal=",", day="%d.%m.%Y"), date(2024, 5, 31)),
    (Form("cp1251", ";", decimal=",", newline="\r\n", thousands=" "), date(2024, 2, 29)),
    (Form("cp1251", "\t", day="%d.%m.%Y"), date(2026, 5, 31)),
    (Form("utf-8", ";", newline="\r\n", thousands="\u00a0"), date(2025, 5, 30)),
    (Form("utf-8-sig", "\t", decimal=",", newline="\r\n", day="%d.%m.%Y", thousands="\u202f"), date(2026, 1, 31)),
]


async def links(house: House, number: str, amounts: set[int], today: date) -> set[int]:
    """Those of the amounts that link the account on that day, by what was imported."""
    async with house.running.kernel.database.transaction() as session:
        contract = (await contracts_of(session, [number])).get(number)
        payments = await payments_of(session, number, months_before(today, 3), today)
    return {kopecks for kopecks in amounts if decide(payments, contract, kopecks, today).refusal is None}


async def wrongly_judged(house: House, truth: Mapping[str, Known], today: date) -> dict[str, set[int]]:
    """By account, the amounts that are judged otherwise than is true; those a kopeck beside an amount are tried too."""
    wrong = {}
    for number, known in truth.items():
        paid = known.confirms | known.refuses
        tried = paid | {kopecks + by for kopecks in paid for by in (-1, 1)}
        if differing := await links(house, number, tried, today) ^ known.confirms:
            wrong[number] = differing
    return wrong


@pytest.mark.parametrize(("form", "today"), FORMS, ids=str)
async def test_every_amount_of_every_account_is_judged_as_is_true(
    house: House, tmp_path: Path, form: Form, today: date
) -> None:
    exports = write(tmp_path, form, today)
    files = Files(exports.accounts, exports.payments)

    done = await import_billing(house.running.kernel.database, files, house.settings.time_zone)

    assert [one.file.bad for one in done.files] == [0, exports.bad]
    assert sum(bool(known.confirms) for known in exports.truth.values()) > 50
    assert sum(bool(known.refuses) for known in exports.truth.values()) > 50
    assert await wrongly_judged(house, exports.truth, today) == {}
