"""Released events: one JSON per version ever released; today's classes still read each, and write it as it was.

A sample is never changed once it was released: a change that breaks it needs a new version (`.v2`) beside it.
`notifier.jwks` is a key made for these samples alone, so that their sealed parts stay readable here.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import shared.contracts  # noqa: F401
from shared.events import REGISTRY, Event, decode, encode
from shared.keys import PrivateKeys
from shared.sealed import open_sealed

FOLDER = Path(__file__).parent
SAMPLES = sorted(FOLDER.glob("*.json"))
RELEASED = {type_: one for type_, one in REGISTRY.items() if one.__module__.startswith("shared.contracts.")}


def read(sample: Path) -> tuple[dict[str, Any], Event]:
    """The sample and the event that today's class reads from it."""
    content: dict[str, Any] = json.loads(sample.read_text())
    raw = [(name, value.encode()) for name, value in content["headers"].items()]
    return content, decode(raw, json.dumps(content["data"]).encode(), RELEASED[content["headers"]["ce_type"]])


def test_every_event_class_has_a_sample() -> None:
    assert {sample.stem for sample in SAMPLES} >= RELEASED.keys()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_released_event_is_read_and_written_as_it_was(sample: Path) -> None:
    content, event = read(sample)

    headers, value = encode(event, event.sealed, content["headers"]["ce_traceparent"])

    assert headers == content["headers"]
    assert event.key == content["key"] == headers["ce_subject"]
    assert headers["ce_type"] == sample.stem
    written = json.loads(value)
    assert {name: written.get(name) for name in content["data"]} == content["data"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_sample_shows_every_field(sample: Path) -> None:
    content, event = read(sample)

    assert content["data"].keys() - {"sealed"} == type(event).model_fields.keys() - {"id", "time", "sealed"}


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
