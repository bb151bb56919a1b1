"""Keys: the public set is read again when its file changes, secrets are named by what they made."""

import json
import os
from pathlib import Path

import pytest

from deploy import keys as key_files
from shared.keys import CannotDecrypt, KeyMissing, PrivateKeys, PublicKeys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    key_files.make(tmp_path / "keys")
    return tmp_path / "keys"


def test_replaced_public_file_is_taken_up(folder: Path, tmp_path: Path) -> None:
    public = PublicKeys(folder / "public.jwks.json")
    before = public.current_okp("notifier", "seal").kid
    key_files.make(tmp_path / "new")

    (tmp_path / "new" / "public.jwks.json").rename(folder / "public.jwks.json")

    assert public.current_okp("notifier", "seal").kid != before


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"keys": [{"kty": "OKP"}]}'])
def test_keys_stay_while_the_file_is_being_replaced(folder: Path, content: str | None) -> None:
    file = folder / "public.jwks.json"
    public, whole = PublicKeys(file), file.read_text()
    before = public.current_okp("identity", "sign").kid
    file.unlink()
    if content is not None:
        file.write_text(content)

    assert public.current_okp("identity", "sign").kid == before

    file.write_text(whole)
    os.utime(file)
    assert public.current_okp("identity", "sign").kid == before


@pytest.mark.parametrize("content", [None, "{", "[]", '{"keys": 1}'])
def test_file_that_is_no_key_set_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "x.jwks.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(KeyMissing, match=r"x\.jwks\.json cannot be read"):
        PrivateKeys(file)


def test_value_names_its_key_and_opens_after_rotation(folder: Path, tmp_path: Path) -> None:
    old = PrivateKeys(folder / "identity.private.jwks.json")
    written = old.encrypt("legacy", b"hash", "row 1")
    key_files.make(tmp_path / "new")
    both = [
        *json.loads((tmp_path / "new" / "identity.private.jwks.json").read_text())["keys"],
        *json.loads((folder / "identity.private.jwks.json").read_text())["keys"],
    ]
    (file := tmp_path / "both.jwks.json").write_text(json.dumps({"keys": both}))
    rotated = PrivateKeys(file)

    assert rotated.decrypt("legacy", written, "row 1") == b"hash"
    assert rotated.encrypt("legacy", b"hash", "row 1").partition(":")[0] != written.partition(":")[0]


@pytest.mark.parametrize("change", ["moved", "damaged", "cut", "nonsense"])
def test_encrypted_value_that_was_changed_or_moved_does_not_open(folder: Path, change: str) -> None:
    keys = PrivateKeys(folder / "identity.private.jwks.json")
    written = keys.encrypt("legacy", b"hash", "row 1")
    kid, _, body = written.partition(":")
    changed = {
        "moved": written,
        "damaged": f"{kid}:{body[:-2]}{'00' if body[-2:] != '00' else '11'}",
        "cut": f"{kid}:{body[:20]}",
        "nonsense": f"{kid}:zz",
    }[change]

    with pytest.raises(CannotDecrypt):
        keys.decrypt("legacy", changed, "row 2" if change == "moved" else "row 1")


def test_hmacs_of_different_uses_and_parts_differ(folder: Path) -> None:
    keys = PrivateKeys(folder / "identity.private.jwks.json")

    assert len({keys.hmac("a", "b", "c"), keys.hmac("a", "bc"), keys.hmac("ab", "c"), keys.hmac("a", "b", "c")}) == 3
