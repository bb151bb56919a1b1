"""Sealed parts: only the notifier opens them, and only in the event that they were sealed for."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from deploy import keys as key_files
from shared.contracts.verification import CodeRequested, CodeSecrets
from shared.events import Malformed
from shared.keys import PrivateKeys, PublicKeys
from shared.sealed import open_sealed, seal

SECRETS = CodeSecrets(phone="+79123456789", code="12345")


def event() -> CodeRequested:
    soon = datetime(2026, 11, 25, 9, tzinfo=UTC)
    return CodeRequested(code_id=uuid7(), purpose="registration", send=1, expires_at=soon, locale="ru")


def sealed_in(keys: Path, said: CodeRequested) -> CodeRequested:
    jwe = seal(said, SECRETS, PublicKeys(keys / "public.jwks.json"))
    return said.model_copy(update={"sealed": jwe})


def notifier(keys: Path) -> PrivateKeys:
    return PrivateKeys(keys / "notifier.private.jwks.json")


def test_notifier_opens_what_was_sealed(keys: Path) -> None:
    said = sealed_in(keys, event())

    assert open_sealed(said, CodeSecrets, notifier(keys)) == SECRETS
    assert "9123456789" not in (said.sealed or "")


def test_sealed_part_cut_into_another_event_does_not_open(keys: Path) -> None:
    said = sealed_in(keys, event())
    other = event().model_copy(update={"sealed": said.sealed})

    with pytest.raises(Malformed, match="another event"):
        open_sealed(other, CodeSecrets, notifier(keys))


@pytest.mark.parametrize("place", [0, 2, 3, 4])
def test_damaged_sealed_part_does_not_open(keys: Path, place: int) -> None:
    said = sealed_in(keys, event())
    parts = (said.sealed or "").split(".")
    parts[place] = ("A" if parts[place][:1] != "A" else "B") + parts[place][1:]
    damaged = said.model_copy(update={"sealed": ".".join(parts)})

    with pytest.raises(Malformed):
        open_sealed(damaged, CodeSecrets, notifier(keys))


@pytest.mark.parametrize("text", [None, "", "x", "a.b.c.d.e", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_sealed_part_does_not_open(keys: Path, text: str | None) -> None:
    with pytest.raises(Malformed):
        open_sealed(event().model_copy(update={"sealed": text}), CodeSecrets, notifier(keys))


def test_another_notifiers_key_does_not_open(keys: Path, tmp_path: Path) -> None:
    key_files.make(tmp_path / "others")

    with pytest.raises(Malformed):
        open_sealed(sealed_in(keys, event()), CodeSecrets, notifier(tmp_path / "others"))


def test_what_was_sealed_for_a_key_before_the_current_one_opens(keys: Path, tmp_path: Path) -> None:
    key_files.make(tmp_path / "new")
    old, new = (
        json.loads((folder / "notifier.private.jwks.json").read_text())["keys"] for folder in (keys, tmp_path / "new")
    )
    (both := tmp_path / "both.jwks.json").write_text(json.dumps({"keys": [*new, *old]}))

    assert open_sealed(sealed_in(keys, event()), CodeSecrets, PrivateKeys(both)) == SECRETS
