"""The documents for readers: they are of today's code, and AsyncAPI's own schema takes them."""

import copy
import json
import re
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from deploy.embedded.environment import WITH_DATABASE, database_name
from deploy.events import __main__ as command
from deploy.events import catalogue, samples, wire
from deploy.events.catalogue import Entry

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL = Draft7Validator(json.loads((Path(__file__).parent / "asyncapi/3.0.0.json").read_text()))
FOUND = catalogue.read()
PAGE = (ROOT / "docs/events.md").read_text()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
    return read


@pytest.mark.parametrize("path", ["docs/asyncapi.yaml", "docs/events.md"])
def test_document_is_of_todays_code(path: str) -> None:
    assert (ROOT / path).read_text() == command.documents()[ROOT / path], "run `make events`"


def test_asyncapi_takes_the_document(document: dict[str, Any]) -> None:
    assert [f"{one.json_path}: {one.message}" for one in OFFICIAL.iter_errors(document)] == []


def test_asyncapi_would_not_take_a_wrong_one(document: dict[str, Any]) -> None:
    wrong = copy.deepcopy(document)
    wrong["operations"]["identity.says"]["action"] = "says"

    assert not OFFICIAL.is_valid(wrong)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in re.findall(r"'#/([^']+)'", (ROOT / "docs/asyncapi.yaml").read_text()):
        found: Any = document
        for step in reference.split("/"):
            assert step in found, reference
            found = found[step]


@pytest.mark.parametrize("entry", FOUND.entries, ids=lambda entry: entry.type)
def test_examples_are_of_the_forms_that_the_document_gives(entry: Entry, document: dict[str, Any]) -> None:
    message = document["components"]["messages"][entry.type]
    common = document["components"]["messageTraits"]["cloudEvent"]["headers"]

    assert message["examples"]
    for example in message["examples"]:
        for schema, part in ((message["payload"], "payload"), (message["headers"], "headers"), (common, "headers")):
            assert list(Draft7Validator(schema).iter_errors(example[part])) == []


@pytest.mark.parametrize("name", WITH_DATABASE)
def test_operations_are_what_the_service_says_and_hears(name: str, document: dict[str, Any]) -> None:
    service = import_module(f"{database_name(name)}.main").service
    mine = {id_: one for id_, one in document["operations"].items() if one["tags"] == [{"name": name}]}

    heard = {_last(ref) for one in mine.values() if one["action"] == "receive" for ref in one["messages"]}
    said = {_last(ref) for one in mine.values() if one["action"] == "send" for ref in one["messages"]}

    assert heard == {entry.event.type for entry in service.heard}
    assert said == {entry.type for entry in FOUND.entries if entry.event.owner() == name}


def _last(reference: dict[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


@pytest.mark.parametrize("entry", FOUND.entries, ids=lambda entry: entry.type)
def test_every_event_says_what_happened(entry: Entry) -> None:
    assert entry.summary.endswith("."), "the class has no docstring of its own"
    assert entry.summary in PAGE


def test_links_of_the_page_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        target, _, anchor = link.partition("#")
        assert (ROOT / "docs" / target).exists(), link
        assert not anchor or f'<a id="{anchor}">' in PAGE, link


def test_no_sealed_value_is_shown() -> None:
    shown = PAGE + (ROOT / "docs/asyncapi.yaml").read_text()
    for entry in FOUND.entries:
        for sample in entry.samples.values():
            for secret in sample.get("sealed", {}).values():
                assert str(secret) not in shown, entry.type


def test_command_finds_nothing_to_write(tmp_path: Path) -> None:
    shutil.copytree(samples.FOLDER, tmp_path / "contracts")
    forms = {type_: wire.form_of(event) for type_, event in wire.classes().items()}

    assert wire.record(forms, tmp_path / "contracts/schemas") == []
    assert samples.complete(tmp_path / "contracts") == []
