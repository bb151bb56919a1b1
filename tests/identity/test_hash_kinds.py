"""How many people have which kind of old hash: what unknown logins are drawn from."""

import hashlib
from datetime import date
from pathlib import Path

from tests.identity.conftest import Identity

MD5, SHA1 = hashlib.md5(b"one").hexdigest(), hashlib.sha1(b"one").hexdigest()
NOVEMBER, DECEMBER = date(2025, 11, 1), date(2025, 12, 1)


async def kinds(identity: Identity) -> list[tuple[str, int, int]]:
    rows = await identity.running.rows("SELECT kind, waiting, moved FROM old_hash_kinds ORDER BY kind")
    return [tuple(row) for row in rows]


async def test_an_import_counts_who_has_which_kind_of_hash(identity: Identity, tmp_path: Path) -> None:
    people = [("67000001", MD5, "", ""), ("67000002", MD5, "", ""), ("67000003", SHA1, "", "")]
    await identity.import_old(tmp_path, *people, as_of=NOVEMBER)
    first = await kinds(identity)

    await identity.import_old(tmp_path, *((number, SHA1, "", "") for number, *_ in people), as_of=DECEMBER)

    assert first == [("md5", 2, 0), ("sha1", 1, 0)]
    assert await kinds(identity) == [("md5", 0, 0), ("sha1", 3, 0)]


async def test_an_import_keeps_the_count_of_who_moved(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, ("67000001", MD5, "", ""), ("67000002", MD5, "a@mail.ru", ""))
    await identity.sign_in("67000002", "one")

    await identity.import_old(tmp_path, ("67000003", MD5, "", ""), ("67000002", MD5, "", ""))

    assert await kinds(identity) == [("md5", 2, 1)]
