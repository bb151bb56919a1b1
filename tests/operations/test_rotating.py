"""`python -m deploy.rotating`: a key is added, used and removed, and what the old one made is not lost meanwhile."""

import json
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from deploy import keys, rotating
from deploy.keys import PUBLIC, PURPOSES
from shared.contracts.identity import ErasedContacts, UserErased
from shared.keys import PrivateKeys, PublicKeys
from shared.sealed import open_sealed, seal

PAIRS = ("sign", "seal")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys.make(tmp_path / "keys")
    return tmp_path / "keys"


def names(file: Path, beginning: str) -> list[str]:
    return [key["kid"] for key in json.loads(file.read_text())["keys"] if key["kid"].startswith(beginning)]


@pytest.mark.parametrize(("service", "purpose"), [(one, purpose) for one in PURPOSES for purpose in PURPOSES[one]])
def test_key_is_known_before_it_is_used_and_alone_when_the_old_one_is_gone(
    folder: Path, service: str, purpose: str
) -> None:
    private, public, beginning = folder / f"{service}.private.jwks.json", folder / PUBLIC, f"{service}-{purpose}-"
    [old] = names(private, beginning)
    in_public = [public] if purpose in PAIRS else []

    new = rotating.add(folder, service, purpose)
    added = [names(file, beginning) for file in (private, *in_public)]
    rotating.use(folder, new)
    used = [names(file, beginning) for file in (private, *in_public)]
    rotating.remove(folder, old)
    left = [names(file, beginning) for file in (private, *in_public)]

    assert all(one == [old, new] for one in added)
    assert all(one == [new, old] for one in used)
    assert all(one == [new] for one in left)
    assert purpose in PAIRS or names(public, beginning) == []


def test_other_keys_modes_and_secrets_stay_as_they_were(folder: Path) -> None:
    before = {file.name: file.read_text() for file in folder.iterdir()}

    rotating.use(folder, rotating.add(folder, "identity", "sign"))

    assert {file.name for file in folder.iterdir()} == set(before)
    assert (folder / "identity.private.jwks.json").stat().st_mode & 0o777 == 0o600
    assert (folder / PUBLIC).stat().st_mode & 0o777 == 0o644
    changed = {name for name, text in before.items() if (folder / name).read_text() != text}
    assert changed == {PUBLIC, "identity.private.jwks.json"}
    assert not any("d" in key or "k" in key for key in json.loads((folder / PUBLIC).read_text())["keys"])
    assert len(names(folder / "identity.private.jwks.json", "identity-hmac")) == 1


def test_what_was_sealed_before_the_change_opens_after_it_and_not_without_the_old_key(folder: Path) -> None:
    event, secrets = UserErased(user_id=uuid7()), ErasedContacts(email="a@mail.ru")
    public = PublicKeys(folder / PUBLIC)
    [old] = names(folder / PUBLIC, "notifier-seal-")
    before = event.model_copy(update={"sealed": seal(event, secrets, public)})

    rotating.use(folder, rotating.add(folder, "notifier", "seal"))
    after = event.model_copy(update={"sealed": seal(event, secrets, public)})
    both = PrivateKeys(folder / "notifier.private.jwks.json")
    rotating.remove(folder, old)
    newest = PrivateKeys(folder / "notifier.private.jwks.json")

    assert [open_sealed(one, ErasedContacts, both) for one in (before, after)] == [secrets, secrets]
    assert open_sealed(after, ErasedContacts, newest) == secrets
    with pytest.raises(Exception, match="cannot be opened"):
        open_sealed(before, ErasedContacts, newest)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "{}", "identity", "seal"), "identity has no key for seal"),
        (("use", "{}", "identity-sign-00000000"), "No file in"),
        (("remove", "{}", "{current}"), "is the current key"),
        (("list", "{}/missing"), ""),
    ],
)
def test_what_makes_no_sense_is_told_and_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    [current] = names(folder / PUBLIC, "identity-sign-")
    before = {file.name: file.read_text() for file in folder.iterdir()}

    code = rotating.main([one.format(folder, current=current) for one in arguments])

    assert code == (1 if told else 0)
    assert told in capsys.readouterr().err
    assert {file.name: file.read_text() for file in folder.iterdir()} == before


def test_list_shows_every_key_the_current_one_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = rotating.add(folder, "portal", "hmac")

    assert rotating.main(["list", str(folder)]) == 0

    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [kid for file, kid in lines if file == "portal.private.jwks.json"][-1] == new
    assert len(lines) == len(rotating.listed(folder)) == 13
