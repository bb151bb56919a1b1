"""Import of the billing system's exports: contracts and payments, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import rules
from billing_link.settling import settle_all
from shared.database import Database
from shared.importing import BadRow, Cells, ImportRefused, Shape, Staged, refuse_bad_files, stage
from shared.refusals import Refusal

LONGEST_PAYMENT_ID = 64
LONGEST_ADDRESS = 500
LONGEST_SERVICE = 50


def account_row(cells: Cells) -> Sequence[object]:
    """One contract of an account: a flat with a new tenant has several rows."""
    number, address = _number(cells), cells["address"]
    opened_on = _date(cells, "opened_on")
    closed_on = _date(cells, "closed_on") if cells["closed_on"] else None
    if closed_on is not None and closed_on < opened_on:
        raise BadRow("closed_on is before opened_on")
    if len(address) > LONGEST_ADDRESS:
        raise BadRow(f"address is longer than {LONGEST_ADDRESS} characters")
    return number, opened_on, address, closed_on


def payment_row(cells: Cells) -> Sequence[object]:
    payment_id, service = cells["payment_id"], cells["service"]
    if not payment_id or len(payment_id) > LONGEST_PAYMENT_ID or not payment_id.isprintable():
        raise BadRow(f"payment_id is not 1 to {LONGEST_PAYMENT_ID} characters")
    if not service or len(service) > LONGEST_SERVICE:
        raise BadRow(f"service is not 1 to {LONGEST_SERVICE} characters")
    reversed_on = _date(cells, "reversed_on") if cells["reversed_on"] else None
    return payment_id, _number(cells), _kopecks(cells), _date(cells, "paid_on"), service, reversed_on


def _number(cells: Cells) -> str:
    try:
        return rules.account_number(cells["account_number"])
    except Refusal:
        raise BadRow("account_number is not 5 to 14 digits") from None


def _kopecks(cells: Cells) -> int:
    try:
        return rules.booked_kopecks(cells["amount"])
    except ValueError:
        raise BadRow("amount is not a number with at most two decimals") from None


# A file has a few hundred different days in millions of rows.
_booked_date = lru_cache(maxsize=4096)(rules.booked_date)


def _date(cells: Cells, name: str) -> date:
    try:
        return _booked_date(cells[name])
    except ValueError:
        raise BadRow(f"{name} is not a date like 2026-11-25") from None


ACCOUNTS = Shape(
    required=("account_number", "address", "opened_on", "closed_on"),
    staged={"account_number": "text", "opened_on": "date", "address": "text", "closed_on": "date"},
    convert=account_row,
)
PAYMENTS = Shape(
    required=("payment_id", "account_number", "amount", "paid_on", "service"),
    optional=("reversed_on",),
    staged={
        "payment_id": "text",
        "account_number": "text",
        "kopecks": "bigint",
        "paid_on": "date",
        "service": "text",
        "reversed_on": "date",
    },
    convert=payment_row,
)

# Whether a row is new is told by its xmax: only one that was there before was locked by the upsert.
_COUNTED = """
    WITH taken AS ({} RETURNING xmax = 0 AS is_new)
    SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM taken
"""
# A file that says nothing new about a row leaves it untouched: the same file again writes nothing.
_TAKE_CONTRACTS = """
    INSERT INTO contracts AS known (account_number, opened_on, address, address_as_of, closed_on, closed_as_of)
    SELECT DISTINCT ON (account_number, opened_on) account_number, opened_on, address, :as_of, closed_on, :as_of
    FROM staged_contracts
    ORDER BY account_number, opened_on, line_number DESC
    ON CONFLICT (account_number, opened_on) DO UPDATE SET
        address = CASE WHEN known.address_as_of <= :as_of THEN excluded.address ELSE known.address END,
        address_as_of = greatest(known.address_as_of, excluded.address_as_of),
        closed_on = CASE WHEN coalesce(known.closed_as_of <= :as_of, true)
            THEN excluded.closed_on ELSE known.closed_on END,
        closed_as_of = greatest(known.closed_as_of, excluded.closed_as_of)
    WHERE known.address_as_of < :as_of OR known.closed_as_of < :as_of OR known.closed_as_of IS NULL
        OR (known.address_as_of = :as_of AND known.address <> excluded.address)
        OR (known.closed_as_of = :as_of AND known.closed_on IS DISTINCT FROM excluded.closed_on)
"""
# A reversal stays, whatever a later line or file leaves out.
_TAKE_PAYMENTS = """
    INSERT INTO payments AS known (payment_id, account_number, kopecks, paid_on, service, reversed_on, as_of)
    SELECT DISTINCT ON (payment_id) payment_id, account_number, kopecks, paid_on, service,
        min(reversed_on) OVER (PARTITION BY payment_id), CAST(:as_of AS timestamptz)
    FROM staged_payments
    ORDER BY payment_id, line_number DESC
    ON CONFLICT (payment_id) DO UPDATE SET
        (account_number, kopecks, paid_on, service, as_of) = (
            SELECT newer.account_number, newer.kopecks, newer.paid_on, newer.service, newer.as_of
            FROM (VALUES
                (excluded.account_number, excluded.kopecks, excluded.paid_on, excluded.service, excluded.as_of, 1),
                (known.account_number, known.kopecks, known.paid_on, known.service, known.as_of, 2)
            ) AS newer (account_number, kopecks, paid_on, service, as_of, place)
            ORDER BY newer.as_of DESC NULLS LAST, place LIMIT 1
        ),
        reversed_on = least(known.reversed_on, excluded.reversed_on)
    WHERE known.as_of IS NULL OR known.as_of < excluded.as_of
        OR least(known.reversed_on, excluded.reversed_on) IS DISTINCT FROM known.reversed_on
        OR (known.as_of = excluded.as_of AND (known.account_number, known.kopecks, known.paid_on, known.service)
            IS DISTINCT FROM (excluded.account_number, excluded.kopecks, excluded.paid_on, excluded.service))
"""


_OUTLIVED = text("""
    SELECT count(*) FROM links WHERE ended_at IS NULL AND EXISTS (
        SELECT FROM contracts
        WHERE contracts.account_number = links.account_number AND contracts.opened_on > links.evidence_on
    )
""")


@dataclass(frozen=True)
class Files:
    """What one run imports; a file that is not named is left out."""

    accounts: Path | None = None
    payments: Path | None = None
    as_of: date | None = None
    """The day that the files tell of; today where it is not given."""


@dataclass(frozen=True)
class Applied:
    """What one file changed, or would have."""

    file: Staged
    new: int
    changed: int


@dataclass
class Imported:
    """What came of one run."""

    files: list[Applied] = field(default_factory=list)
    links_ended: int = 0
    """Links of earlier contracts, which the files told of."""


class _OnlyTried(Exception):
    """Nothing of this transaction is to be kept."""


async def import_billing(
    database: Database, files: Files, zone: ZoneInfo, *, accept_rejects: bool = False, dry_run: bool = False
) -> Imported:
    """Apply the files in one transaction, then end links and grant wishes as the new facts ask for.

    Raises `ImportRefused` and `TooManyRejects`. Interrupted in the first part nothing was applied; in the second, the
    next run goes on with it. A dry run does the first part and keeps nothing of it but the files of bad rows.
    """
    done = Imported()
    try:
        async with database.transaction() as session:
            await _apply(session, files, zone, accept_rejects, done)
            done.links_ended = (await session.execute(_OUTLIVED)).scalar_one()
            if dry_run:
                raise _OnlyTried
    except _OnlyTried:
        return done
    await settle_all(database, zone)
    return done


async def _apply(session: AsyncSession, files: Files, zone: ZoneInfo, accept_rejects: bool, done: Imported) -> None:
    as_of = await _moment(session, files.as_of, zone)
    # For the sorts of millions of rows, which by the server's setting would be merged from pieces of a request's size.
    await session.execute(text("SET LOCAL work_mem = '64MB'"))
    named = (
        (files.accounts, ACCOUNTS, "staged_contracts", _TAKE_CONTRACTS),
        (files.payments, PAYMENTS, "staged_payments", _TAKE_PAYMENTS),
    )
    staged = [
        (await stage(session, path, shape, table=table), statement)
        for path, shape, table, statement in named
        if path is not None
    ]
    refuse_bad_files([file for file, _ in staged], accept_rejects=accept_rejects)
    for file, statement in staged:
        new, changed = (await session.execute(text(_COUNTED.format(statement)), {"as_of": as_of})).one()
        done.files.append(Applied(file, new, changed))
    # The planner's figures are from before: what was a small table may have become one of millions.
    await session.execute(text("ANALYZE (SKIP_LOCKED) contracts, payments"))


async def _moment(session: AsyncSession, as_of: date | None, zone: ZoneInfo) -> datetime:
    """The beginning of the day that the files tell of: an event of that day is newer than they are."""
    today = rules.day_of(await session.scalar(text("SELECT now()")), zone)
    if as_of is not None and as_of > today:
        raise ImportRefused(f"--as-of {as_of} has not come yet; later files would count as older than this one")
    return datetime.combine(as_of or today, time.min, zone)
