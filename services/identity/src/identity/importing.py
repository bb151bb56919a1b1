"""Importing the old portal's users."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity import old_credentials
from identity.old_hashes import TooCostly, UnknownHash, parse
from shared.contacts import canonical_email, canonical_phone
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
    countries: Collection[str] = ("RU",),
    as_of: date,
    accept_rejects: bool = False,
) -> Imported:
    """Take the old portal's `legacy_users.csv` as it was on `as_of`, wholly or not at all.

    `digits` are the lengths of an account number. A row keeps the id of its first import. An address or phone that
    cannot be one is dropped and noted, so that its owner can still come in and be asked for it. Raises
    `ImportRefused` (`TooManyRejects` above 1 % of bad rows). Give it a database of `unhurried` settings.
    """
    if as_of > datetime.now(UTC).date() + timedelta(days=1):  # east of Greenwich it may be tomorrow already
        raise ImportRefused(f"--as-of {as_of}: a file cannot be from the future")
    shape = Shape(
        required=("account_number", "password_hash", "email", "phone"),
        staged=_STAGED,
        convert=lambda cells: _legacy_user(cells, keys, digits, countries),
        secret=("password_hash",),
    )
    async with database.transaction() as session:
        file = await stage(session, path, shape, table="staged_legacy_users")
        refuse_bad_files([file], accept_rejects=accept_rejects)
        return await _apply(session, file, as_of)


_STAGED = {
    "id": "uuid",
    "account_number": "text",
    "marks": "bytea[]",
    "hash_kind": "text",
    "encrypted_hash": "text",
    "email": "text",
    "phone": "text",
}


def _legacy_user(cells: Cells, keys: PrivateKeys, digits: Collection[int], countries: Collection[str]) -> Noted:
    number = _DROPPED.sub("", cells["account_number"])
    if not _ASCII_DIGITS.fullmatch(number):
        raise BadRow("the account number is not made of digits")
    if len(number) not in digits:
        allowed = " or ".join(map(str, sorted(digits)))
        raise BadRow(f"the account number has {len(number)} digits, not {allowed} (IDENTITY_ACCOUNT_NUMBER_DIGITS)")
    if not cells["password_hash"]:
        raise BadRow("the password hash is empty")
    try:
        kind = parse(cells["password_hash"]).kind
    except (UnknownHash, TooCostly) as problem:
        raise BadRow(str(problem)) from None
    email = canonical_email(cells["email"]) if cells["email"] else None
    phone = canonical_phone(cells["phone"], countries) if cells["phone"] else None
    notes = [
        f"without its {name}, which cannot be one"
        for name, kept in (("email", email), ("phone", phone))
        if cells[name] and kept is None
    ]
    encrypted = old_credentials.encrypted(keys, number, cells["password_hash"])
    marks = old_credentials.marks(keys, number)
    return Noted((uuid7(), number, marks, kind, encrypted, email, phone), notes)


# Of a number that stands twice in the file the last row counts.
_ONE_PER_NUMBER = """
CREATE TEMPORARY TABLE chosen_legacy_users ON COMMIT DROP AS
SELECT DISTINCT ON (account_number) staged.*,
       EXISTS (SELECT FROM legacy_marks WHERE number_hmac = ANY (staged.marks)) AS moved
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
   AND EXISTS (SELECT FROM legacy_marks WHERE number_hmac = ANY (chosen.marks))
"""


async def _apply(session: AsyncSession, file: Staged, as_of: date) -> Imported:
    await session.execute(text(_ONE_PER_NUMBER))
    chosen, moved = (
        await session.execute(text("SELECT count(*), count(*) FILTER (WHERE moved) FROM chosen_legacy_users"))
    ).one()
    new, written = (await session.execute(text(_UPSERT), {"as_of": as_of})).one()
    await session.execute(text(_TAKE_BACK))
    return Imported(file, new=new, renewed=written - new, kept=chosen - moved - written, moved=moved)
