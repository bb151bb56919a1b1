"""Released events: one JSON per version ever released; today's classes still read each, and write it as it was.

A sample is never changed once it was released: a field that comes later gets one of its own (`<type>+<field>.json`), a
change that breaks it a new version (`.v2`). `make events` completes one that has only `data` and `sealed`.
`notifier.jwks` is a key made for these samples alone, so that their sealed parts stay readable here.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from deploy.events import samples, wire
from deploy.events.samples import type_of
from shared.contracts.identity import RegisteredContacts
from shared.events import Event, decode, encode
from shared.keys import PrivateKeys
from shared.sealed import open_sealed

FOLDER = Path(__file__).parent
SAMPLES = sorted(FOLDER.glob("*.json"))
RELEASED = wire.classes()


def read(sample: Path) -> tuple[dict[str, Any], Event]:
    """The sample and the event that today's class reads from it."""
    content: dict[str, Any] = json.loads(sample.read_text())
    raw = [(name, value.encode()) for name, value in content["headers"].items()]
    return content, decode(raw, json.dumps(content["data"]).encode(), RELEASED[content["headers"]["ce_type"]])


def test_every_event_class_has_a_sample() -> None:
    assert {sample.stem for sample in SAMPLES} >= RELEASED.keys()


def test_every_sample_still_has_its_class() -> None:
    assert {type_of(sample) for sample in SAMPLES} - RELEASED.keys() == set()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_released_event_is_read_and_written_as_it_was(sample: Path) -> None:
    content, event = read(sample)

    headers, value = encode(event, event.sealed, content["headers"]["ce_traceparent"])

    assert headers == content["headers"]
    assert event.key == content["key"] == headers["ce_subject"]
    assert headers["ce_type"] == type_of(sample)
    written = json.loads(value)
    assert {name: written.get(name) for name in content["data"]} == content["data"]


@pytest.mark.parametrize("type_", RELEASED)
def test_samples_of_a_type_show_every_field(type_: str) -> None:
    shown = {name for sample in SAMPLES if type_of(sample) == type_ for name in read(sample)[0]["data"]}

    assert shown - {"sealed"} == RELEASED[type_].model_fields.keys() - wire.NOT_DATA


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_sealed_part_is_opened_as_it_was_written(sample: Path) -> None:
    content, event = read(sample)
    secrets = type(event).secrets
    assert (secrets is None, event.sealed is None) == ("sealed" not in content, "sealed" not in content)
    if secrets is None:
        return

    opened = open_sealed(event, secrets, PrivateKeys(FOLDER / "notifier.jwks"))

    assert opened.model_dump(mode="json", exclude_none=True) == content["sealed"]


def test_no_contact_or_secret_travels_open() -> None:
    for sample in SAMPLES:
        content, _ = read(sample)
        secrets = json.dumps(list(content.get("sealed", {}).values()), ensure_ascii=False)
        for value in content["data"].values():
            assert json.dumps(value, ensure_ascii=False) not in secrets.strip("[]").split(", "), sample.stem


def test_drafted_sample_is_completed_and_then_left_alone(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "notifier.jwks", tmp_path)
    released = FOLDER / "identity.user_registered.v1.json"
    content, _ = read(released)
    data = {name: value for name, value in content["data"].items() if name != "sealed"}
    draft = tmp_path / "identity.user_registered.v1+note.json"
    draft.write_text(json.dumps({"data": data, "sealed": content["sealed"]}))

    assert samples.complete(tmp_path) == [draft]

    completed, event = read(draft)
    assert completed["key"] == content["key"]
    assert completed["data"] == data | {"sealed": event.sealed}
    opened = open_sealed(event, RegisteredContacts, PrivateKeys(FOLDER / "notifier.jwks"))
    assert opened.model_dump(mode="json", exclude_none=True) == completed["sealed"] == content["sealed"]
    assert samples.complete(tmp_path) == []
