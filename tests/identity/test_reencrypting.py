"""Old hashes under a new key: the old key may leave the file, and every old password still opens its door."""

import json
from pathlib import Path

import pytest
from joserfc.jwk import OctKey

from identity import old_credentials, reencrypting
from identity.reencrypting import reencrypt
from shared.keys import KeyMissing, PrivateKeys
from tests.identity.conftest import Identity
from tests.identity.test_signing_in import OLD, OLD_HASH

NEWEST = "identity-legacy-0badcafe"


@pytest.fixture
async def imported(identity: Identity, tmp_path: Path) -> Identity:
    await identity.import_old(tmp_path, *((f"6712345{n}", OLD_HASH, "a@mail.ru", "") for n in range(7)))
    return identity


def with_newest_key(old: Path, path: Path, *, without_old: bool = False) -> PrivateKeys:
    """The file as an operator changes it: the new key before the old ones."""
    keys = json.loads(old.read_text())["keys"]
    kept = [key for key in keys if not (without_old and "-legacy-" in key["kid"])]
    newest = OctKey.generate_key(256, {"kid": NEWEST}, auto_kid=False).as_dict(private=True)
    if path.exists():
        newest = next(key for key in json.loads(path.read_text())["keys"] if key["kid"] == NEWEST)
    path.write_text(json.dumps({"keys": [newest, *kept]}))
    return PrivateKeys(path)


async def hashes(identity: Identity) -> dict[str, str]:
    rows = await identity.running.rows("SELECT account_number, encrypted_hash FROM legacy_users ORDER BY 1")
    return {row.account_number: row.encrypted_hash for row in rows}


async def test_every_old_hash_is_encrypted_anew_and_the_old_key_may_go(
    imported: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reencrypting, "BATCH_ROWS", 3)
    both = with_newest_key(imported.running.kernel.private_keys.path, tmp_path / "keys.json")
    told: list[tuple[int, int]] = []

    renewed = await reencrypt(imported.running.kernel.database, both, lambda *moved: told.append(moved))

    newest = with_newest_key(imported.running.kernel.private_keys.path, tmp_path / "keys.json", without_old=True)
    stored = await hashes(imported)
    assert renewed == 7
    assert told == [(3, 7), (3, 7), (1, 7)]
    assert all(value.startswith(f"{NEWEST}:") for value in stored.values())
    assert all(old_credentials.decrypted(newest, *row).fits(OLD.encode()) for row in stored.items())


async def test_a_second_run_changes_nothing(imported: Identity, tmp_path: Path) -> None:
    both = with_newest_key(imported.running.kernel.private_keys.path, tmp_path / "keys.json")
    await reencrypt(imported.running.kernel.database, both)
    before = await hashes(imported)

    assert await reencrypt(imported.running.kernel.database, both) == 0
    assert await hashes(imported) == before


async def test_an_interrupted_run_is_taken_up_and_both_keys_open_meanwhile(
    imported: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reencrypting, "BATCH_ROWS", 3)
    both = with_newest_key(imported.running.kernel.private_keys.path, tmp_path / "keys.json")

    class PowerCut(Exception):
        pass

    def cut(_rows: int, _total: int) -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        await reencrypt(imported.running.kernel.database, both, cut)
    halfway = await hashes(imported)

    assert sorted(value.startswith(NEWEST) for value in halfway.values()) == [False] * 4 + [True] * 3
    assert all(old_credentials.decrypted(both, *row).fits(OLD.encode()) for row in halfway.items())
    assert await reencrypt(imported.running.kernel.database, both) == 4


async def test_a_hash_under_a_key_that_is_lost_is_named_and_nothing_is_spoilt(
    imported: Identity, tmp_path: Path
) -> None:
    newest = with_newest_key(imported.running.kernel.private_keys.path, tmp_path / "keys.json", without_old=True)
    before = await hashes(imported)

    with pytest.raises(KeyMissing, match="identity-legacy-"):
        await reencrypt(imported.running.kernel.database, newest)

    assert await hashes(imported) == before
