"""Importing the old portal's users."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity import old_credentials, old_hashes
from identity.contacts_in_bulk import bulk_email, bulk_phone
from identity.old_hashes import Costs, TooCostly, UnknownHash
from shared.database import Database
from shared.importing import BadRow, Cells, ImportRefused, Noted, Shape, Staged, refuse_bad_files, stage
from shared.keys import PrivateKeys

_DROPPED = re.compile(r"[\s-]")
_ASCII_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Imported:
    """What an import of old users did; the rows of the file that are in none of the counts were doubled."""

    file: Staged
    new: int
    renewed: int
    kept: int
    """Known from a newer file already."""
    moved: int
    """Used, reset, erased or moved into another cabinet: they do not come back."""


async def import_legacy(
    database: Database,
    keys: PrivateKeys,
    path: Path,
    *,
    digits: Collection[int],
    countries: Sequence[str] = ("RU",),
    costs: Costs = Costs(),
    as_of: date,
    accept_rejects: bool = False,
) -> Imported:
    """Take the old portal's `legacy_users.csv` as it was on `as_of`, wholly or not at all.

    `digits` are the lengths of an account number. A row keeps the id of its first import. An address or phone that
    cannot be one is dropped and noted, so that its owner can still come in and be asked for it. A hash above `costs` is
    a bad row. Raises `ImportRefused` (`TooManyRejects` above 1 % of bad rows). Give it a database of `unhurried`
    settings.
    """
    if as_of > datetime.now(UTC).date() + timedelta(days=1):  # east of Greenwich it may be tomorrow already
        raise ImportRefused(f"--as-of {as_of}: a file cannot be from the future")
    mark_columns = [f"mark_{n}" for n in range(len(keys.all("hmac")))]
    shape = Shape(
        required=("account_number", "password_hash", "email", "phone"),
        staged=_STAGED | dict.fromkeys(mark_columns, "bytea"),
        convert=_converter(keys, digits, tuple(countries), costs),
        secret=("password_hash",),
    )
    async with database.transaction() as session:
        file = await stage(session, path, shape, table="staged_legacy_users")
        refuse_bad_files([file], accept_rejects=accept_rejects)
        return await _apply(session, file, as_of, mark_columns)


_STAGED = {
    "id": "uuid",
    "account_number": "text",
    "hash_kind": "text",
    "encrypted_hash": "text",
    "email": "text",
    "phone": "text",
}


def _converter(
    keys: PrivateKeys, digits: Collection[int], countries: tuple[str, ...], costs: Costs
) -> Callable[[Cells], Noted]:
    """A row's values, some 20 µs each: what is the same for every row is done once."""
    marks_of = old_credentials.marker(keys)

    def convert(cells: Cells) -> Noted:
        number = _account_number(cells["account_number"], digits)
        kind = _kind(cells["password_hash"], costs)
        email = bulk_email(cells["email"])
        phone = bulk_phone(cells["phone"], countries)
        notes = [
            f"without its {name}, which cannot be one"
            for name, kept in (("email", email), ("phone", phone))
            if kept is None and cells[name]
        ]
        encrypted = old_credentials.encrypted(keys, number, cells["password_hash"])
        return Noted((uuid7(), number, kind, encrypted, email, phone, *marks_of(number)), notes)

    return convert


def _account_number(text: str, digits: Collection[int]) -> str:
    number = _DROPPED.sub("", text)
    if not _ASCII_DIGITS.fullmatch(number):
        raise BadRow("the account number is not made of digits")
    if len(number) not in digits:
        allowed = " or ".join(map(str, sorted(digits)))
        raise BadRow(f"the account number has {len(number)} digits, not {allowed} (IDENTITY_ACCOUNT_NUMBER_DIGITS)")
    return number


def _kind(hash_text: str, costs: Costs) -> str:
    if not hash_text:
        raise BadRow("the password hash is empty")
    try:
        return old_hashes.parse(hash_text, costs).kind
    except (UnknownHash, TooCostly) as problem:
        raise BadRow(str(problem)) from None


# Of a number that stands twice in the file the last row counts.
_ONE_PER_NUMBER = """
CREATE TEMPORARY TABLE chosen_legacy_users ON COMMIT DROP AS
SELECT DISTINCT ON (account_number) staged.*,
       EXISTS (SELECT FROM legacy_marks WHERE number_hmac IN ({marks})) AS moved
  FROM staged_legacy_users AS staged
 ORDER BY account_number, line_number DESC
"""

_UPSERT = """
WITH written AS (
    INSERT INTO legacy_users AS known
           (id, account_number, hash_kind, encrypted_hash, email, phone, credentials_as_of)
    SELECT id, account_number, hash_kind, encrypted_hash, email, phone, :as_of
      FROM chosen_legacy_users
     WHERE NOT moved
        ON CONFLICT (account_number) DO UPDATE
       SET hash_kind = excluded.hash_kind, encrypted_hash = excluded.encrypted_hash,
           email = excluded.email, phone = excluded.phone,
           credentials_as_of = excluded.credentials_as_of, imported_at = now()
     WHERE known.credentials_as_of <= excluded.credentials_as_of
    RETURNING id
)
SELECT count(*) FILTER (WHERE chosen.id IS NOT NULL) AS new, count(*) AS written
  FROM written LEFT JOIN chosen_legacy_users AS chosen USING (id)
"""

# Somebody may have come in for the first time while the rows above were written: their row is gone, their mark is
# committed, and the upsert has just made the row anew. Whoever comes later waits for this transaction at their row.
_TAKE_BACK = """
DELETE FROM legacy_users AS known
 USING chosen_legacy_users AS chosen
 WHERE known.account_number = chosen.account_number
   AND EXISTS (SELECT FROM legacy_marks WHERE number_hmac IN ({marks}))
"""


# What unknown logins are drawn from (`credentials`), counted anew. It comes last: whoever moves over meanwhile holds
# the row of a person first and the row of a kind after it.
_COUNT_KINDS = """
INSERT INTO old_hash_kinds (kind, waiting, moved)
SELECT kind, coalesce(people, 0), 0
  FROM old_hash_kinds FULL JOIN (
       SELECT hash_kind AS kind, count(*) AS people FROM legacy_users GROUP BY hash_kind
  ) AS counted USING (kind)
    ON CONFLICT (kind) DO UPDATE SET waiting = excluded.waiting
"""


async def _apply(session: AsyncSession, file: Staged, as_of: date, mark_columns: Sequence[str]) -> Imported:
    marks = ", ".join(mark_columns)
    await session.execute(text(_ONE_PER_NUMBER.format(marks=marks)))
    chosen, moved = (
        await session.execute(text("SELECT count(*), count(*) FILTER (WHERE moved) FROM chosen_legacy_users"))
    ).one()
    new, written = (await session.execute(text(_UPSERT), {"as_of": as_of})).one()
    await session.execute(text(_TAKE_BACK.format(marks=marks)))
    await session.execute(text(_COUNT_KINDS))
    return Imported(file, new=new, renewed=written - new, kept=chosen - moved - written, moved=moved)
