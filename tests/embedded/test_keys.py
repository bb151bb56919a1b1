"""`make keys`."""

import json
from pathlib import Path

import pytest

from deploy import keys


def test_secret_files_are_the_owners_and_the_public_one_holds_no_secret(tmp_path: Path) -> None:
    keys.make(tmp_path)

    private = sorted(tmp_path.glob("*.private.jwks.json"))
    public = json.loads((tmp_path / keys.PUBLIC).read_text())["keys"]
    assert [file.name.split(".")[0] for file in private] == sorted(keys.PURPOSES)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in private)
    assert {(key["crv"], key["use"]) for key in public} == {("Ed25519", "sig"), ("X25519", "enc")}
    assert not any("d" in key or "k" in key for key in public)


def test_every_key_is_named_for_its_service_and_purpose(tmp_path: Path) -> None:
    keys.make(tmp_path)

    for service, purposes in keys.PURPOSES.items():
        names = [key["kid"] for key in json.loads((tmp_path / f"{service}.private.jwks.json").read_text())["keys"]]
        assert [name.rsplit("-", 1)[0] for name in names] == [f"{service}-{purpose}" for purpose in purposes]


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    keys.make(tmp_path)
    before = (tmp_path / "identity.private.jwks.json").read_text()

    with pytest.raises(keys.KeysExist, match="not overwritten"):
        keys.make(tmp_path)

    assert (tmp_path / "identity.private.jwks.json").read_text() == before
