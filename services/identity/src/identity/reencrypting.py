"""Encrypting old hashes anew, under the newest key, so that an older one can be taken out of the file."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import text

from identity import old_credentials
from shared.database import Database
from shared.keys import PrivateKeys

BATCH_ROWS = 1000
_NIL = UUID(int=0)


async def reencrypt(database: Database, keys: PrivateKeys, moved: Callable[[int, int], None] = lambda *_: None) -> int:
    """Every old hash under the current `legacy` key; how many had another one. `moved(rows, of_how_many)` is told.

    Each batch is a transaction of its own: safe to interrupt and to run again, beside imports and people who move over.
    """
    newest, _ = keys.secret("legacy")
    async with database.transaction() as session:
        total = await session.scalar(text("SELECT count(*) FROM legacy_users")) or 0
    last, renewed, seen = _NIL, 0, BATCH_ROWS
    while seen == BATCH_ROWS:
        last, seen, changed = await _batch(database, keys, newest, last)
        renewed += changed
        moved(seen, total)
    return renewed


async def _batch(database: Database, keys: PrivateKeys, newest: str, after: UUID) -> tuple[UUID, int, int]:
    """The last id of the batch, how many rows it has, how many of them were encrypted anew."""
    rows = text(
        "SELECT id, account_number, encrypted_hash FROM legacy_users"
        " WHERE id > :after ORDER BY id LIMIT :rows FOR UPDATE"
    )
    renew = text(
        "UPDATE legacy_users SET encrypted_hash = renewed.encrypted_hash"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:hashes AS text[])) AS renewed (id, encrypted_hash)"
        " WHERE legacy_users.id = renewed.id"
    )
    async with database.transaction() as session:
        found = (await session.execute(rows, {"after": after, "rows": BATCH_ROWS})).all()
        old = [row for row in found if row.encrypted_hash.rpartition(":")[0] != newest]
        hashes = [old_credentials.reencrypted(keys, row.account_number, row.encrypted_hash) for row in old]
        if old:
            await session.execute(renew, {"ids": [row.id for row in old], "hashes": hashes})
    return (found[-1].id if found else after), len(found), len(old)
