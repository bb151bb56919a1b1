"""The form of each event on the wire as a JSON Schema, and what of a change to it would break who reads or says it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import shared.contracts  # noqa: F401
from shared.events import REGISTRY, Event

Form = dict[str, Any]
"""Type, topic and key of an event, the JSON Schema of its open data and, where there is one, of its sealed part."""
Schema = dict[str, Any]

RELEASED = Path(__file__).resolve().parents[2] / "tests/contracts/schemas"
NOT_DATA = frozenset({"id", "time", "sealed"})
"""Fields of the class that are no fields of the data: two CloudEvents attributes and the sealed part's JWE."""
WORDS = frozenset({"title", "description", "default"})
"""What a schema says to people; a default is filled in by whoever reads, it is not on the wire."""


class Breaking(Exception):
    """Changes of released events, one line each. The answer to each is a new version (`.v2`) beside the old one."""

    def __init__(self, changes: list[str]) -> None:
        super().__init__("\n".join(changes))
        self.changes = changes


def classes() -> dict[str, type[Event]]:
    """Every event class of the contracts by its type, in the order of types."""
    return {type_: one for type_, one in sorted(REGISTRY.items()) if one.__module__.startswith("shared.contracts.")}


def form_of(event: type[Event]) -> Form:
    form: Form = {"type": event.type, "topic": event.topic, "keyed_by": event.keyed_by, "data": schema_of(event)}
    if event.secrets is not None:
        form["sealed"] = schema_of(event.secrets)
    return form


def schema_of(model: type[BaseModel]) -> Schema:
    """As `encode` and `seal` write it: a field that is None is absent, never null. Fields not named here may follow."""
    told = model.model_json_schema(mode="serialization")
    definitions = told.get("$defs", {})
    skipped = NOT_DATA if issubclass(model, Event) else frozenset()
    return {
        "type": "object",
        "properties": {
            name: _plain(schema, definitions) for name, schema in told["properties"].items() if name not in skipped
        },
        "required": sorted(set(told.get("required", ())) - skipped),
    }


def _plain(schema: Any, definitions: Mapping[str, Schema]) -> Any:
    """Without words, references and null; the values of an enum in their alphabetical order."""
    if isinstance(schema, list):
        return [_plain(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        left = [one for one in schema["anyOf"] if one != {"type": "null"}]
        if len(left) == 1:
            return _plain(left[0], definitions)
    if "properties" in schema:  # here a key is a field's name, which may well be "title"
        fields = {name: _plain(field, definitions) for name, field in schema["properties"].items()}
        return {**_plain({k: v for k, v in schema.items() if k != "properties"}, definitions), "properties": fields}
    return {
        name: sorted(part) if name in ("enum", "required") else _plain(part, definitions)
        for name, part in schema.items()
        if name not in WORDS
    }


def breaks(before: Form, now: Form | None) -> list[str]:
    """Why events of the form before and those of today's form cannot live on one topic; nothing: they can.

    A field once released stays as it is, enum values too: a reader of the release before refuses a value that it does
    not know, and a value taken away is still in the topic. What may come is a field that may be absent.
    """
    type_ = before["type"]
    if now is None:
        return [f"{type_}: nothing reads it any more, and topics and outboxes still hold it"]
    found = [f"{type_}: {name} was {before[name]}" for name in ("topic", "keyed_by") if before[name] != now[name]]
    found += [f"{type_}: {line}" for line in _changed(before["data"], now["data"])]
    if ("sealed" in before) != ("sealed" in now):
        found.append(
            f"{type_}: a sealed part {'is gone' if 'sealed' in before else 'is new, and older events lack it'}"
        )
    elif "sealed" in before:
        found += [f"{type_}: sealed {line}" for line in _changed(before["sealed"], now["sealed"])]
    return found


def _changed(before: Schema, now: Schema) -> Iterator[str]:
    fields = now["properties"]
    for name, was in before["properties"].items():
        if name not in fields:
            yield f"{name} is gone"
        elif fields[name] != was:
            yield f"{name} was {json.dumps(was, sort_keys=True)}, is {json.dumps(fields[name], sort_keys=True)}"
        elif (name in now["required"]) != (name in before["required"]):
            yield f"{name} {'may be absent now' if name in before['required'] else 'is required now'}"
    for name in fields:
        if name in now["required"] and name not in before["properties"]:
            yield f"{name} is new and required, and older events lack it"


def released(folder: Path = RELEASED) -> dict[str, Form]:
    """The committed forms by type."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}


def record(forms: Mapping[str, Form], folder: Path = RELEASED) -> list[str]:
    """Write the forms of new types and of types with a new field that may be absent, and say which these were.

    Anything else that differs from what was released is `Breaking`, and nothing is written.
    """
    before = released(folder)
    if changes := [line for type_, form in before.items() for line in breaks(form, forms.get(type_))]:
        raise Breaking(changes)
    new = [type_ for type_, form in forms.items() if before.get(type_) != form]
    for type_ in new:
        (folder / f"{type_}.json").write_text(json.dumps(forms[type_], indent=2) + "\n")
    return new
