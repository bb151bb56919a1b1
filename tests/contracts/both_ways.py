"""A released form against today's class, both ways, with generated data through the real `encode`, `decode` and seal.

An assertion, or the reader's `Malformed`, says that events of the two cannot live on one topic.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel, RootModel
from uuid_utils.compat import uuid7

from deploy.events.wire import NOT_DATA, Form, Schema
from shared.events import Event, decode, encode
from shared.keys import PrivateKeys, PublicKeys
from shared.sealed import open_sealed, seal

KEY_FILE = Path(__file__).parent / "notifier.jwks"
EXAMPLES = 30
# Not shrunk: which field it is stands in what the gate says of the forms, and a smallest example costs 8 s.
quietly = settings(
    phases=(Phase.generate,),
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
checker = FormatChecker(formats=("uuid", "date"))
times = st.datetimes(timezones=st.just(UTC))
OUR_FORMATS = {
    "our-uuid": st.uuids().map(str),
    "our-date": st.dates().map(str),
    "our-date-time": times.map(lambda time: time.isoformat().replace("+00:00", "Z")),
}
"""Values of formats as our own programs write them; the library's own ones have leap seconds and the year 0."""
Opened = RootModel[dict[str, Any]]


class Nothing(BaseModel):
    """The secrets of an event that has none."""


@checker.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def agree(form: Form, event: type[Event]) -> None:
    """Raises where a reader of one side cannot use what the other one says."""
    reads_what_was_released(form, event)
    writes_as_released(form, event)


def reads_what_was_released(form: Form, event: type[Event]) -> None:
    """Today's reader of a topic where an older release still speaks: it takes every field that the form has."""
    public, private = PublicKeys(KEY_FILE), PrivateKeys(KEY_FILE)
    assert (form["topic"], form["type"]) == (event.topic, event.type)

    @quietly
    @given(_data(form["data"], form["keyed_by"]), _data(form.get("sealed", {"type": "object"})))
    def check(data: dict[str, Any], secrets: dict[str, Any]) -> None:
        record_id = uuid7()
        headers = _headers(form["type"], str(record_id), data[form["keyed_by"]])
        if "sealed" in form:
            data["sealed"] = seal(event.model_construct(id=record_id), Opened(secrets), public)

        read = decode(headers, json.dumps(data).encode(), event)

        assert read.key == data[form["keyed_by"]]
        assert _holds(json.loads(encode(read, read.sealed)[1]), data)
        if event.secrets is not None:
            opened = open_sealed(read, event.secrets, private)
            assert _holds(json.loads(opened.model_dump_json(exclude_none=True)), secrets)
        else:
            assert "sealed" not in form

    check()


def writes_as_released(form: Form, event: type[Event]) -> None:
    """A reader of the older release, where today's already speaks: it finds each field that it needs as it was."""
    public, private = PublicKeys(KEY_FILE), PrivateKeys(KEY_FILE)
    secrets_class = event.secrets or Nothing

    @quietly
    @given(_instances(event, event.keyed_by), _instances(secrets_class))
    def check(said: Event, secrets: BaseModel) -> None:
        headers, value = encode(said, seal(said, secrets, public) if event.secrets else None)

        data = json.loads(value)
        assert (said.topic, headers["ce_type"]) == (form["topic"], form["type"])
        assert data[form["keyed_by"]] == headers["ce_subject"] == said.key
        assert _faults(form["data"], data) == []
        if "sealed" in form:
            raw = [(name, content.encode()) for name, content in headers.items()]
            opened = open_sealed(decode(raw, value, event), Opened, private)
            assert _faults(form["sealed"], opened.root) == []

    check()


def _headers(type_: str, id_: str, key: str) -> list[tuple[str, bytes | None]]:
    attributes = {"specversion": "1.0", "id": id_, "source": "/kabinet/before", "type": type_, "subject": key}
    headers = {**{f"ce_{name}": value for name, value in attributes.items()}, "content-type": "application/json"}
    return [(name, value.encode()) for name, value in headers.items()]


def _holds(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return {name: found.get(name) for name in expected} == expected


def _faults(schema: Schema, data: dict[str, Any]) -> list[str]:
    found = Draft202012Validator(schema, format_checker=checker).iter_errors(data)
    return [f"{one.json_path} breaks {one.validator}" for one in found]


def _data(schema: Schema, keyed_by: str | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """What the schema allows and nothing else, each field there or absent.

    Objects are put together here: hypothesis-jsonschema 0.23 draws optional fields by what Hypothesis no longer has.
    """
    fields = {name: _field(field, name == keyed_by) for name, field in schema.get("properties", {}).items()}
    required = {name: fields[name] for name in schema.get("required", ())}
    optional = {name: field for name, field in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


def _field(schema: Schema, is_key: bool) -> st.SearchStrategy[Any]:
    if schema.get("type") == "object":
        return _data(schema)
    if is_key and schema == {"type": "string"}:
        schema = {"type": "string", "minLength": 1}  # a key that is empty names nothing
    found: st.SearchStrategy[Any] = from_schema(_with_our_formats(schema), custom_formats=OUR_FORMATS)
    return found


def _with_our_formats(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_our_formats(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: f"our-{part}" if name == "format" and isinstance(part, str) else _with_our_formats(part)
        for name, part in schema.items()
    }


def _instances(model: type[BaseModel], keyed_by: str = "") -> st.SearchStrategy[Any]:
    """Any instance that the class allows, by its annotations and not by its schema."""
    fields = {
        name: st.text(min_size=1) if name == keyed_by and field.annotation is str else _values(field.annotation)
        for name, field in model.model_fields.items()
        if not (issubclass(model, Event) and name in NOT_DATA)
    }
    return st.builds(model, **fields)


def _values(annotation: Any) -> st.SearchStrategy[Any]:
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin in (Union, UnionType):
            return st.one_of(*map(_values, arguments))
        case origin if origin is Literal:
            return st.sampled_from(arguments)
        case origin if origin is list:
            return st.lists(_values(arguments[0]), max_size=3)
    return times if annotation is datetime else st.from_type(annotation)
