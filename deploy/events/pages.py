"""The catalogue as a page for people: docs/events.md, its prose from `reading.md` beside this module."""

from collections.abc import Iterator
from pathlib import Path
from string import Template

from deploy.embedded.topics import Topic
from deploy.events.catalogue import Catalogue, Entry
from deploy.events.wire import Schema

KINDS = {
    "uuid": "UUID",
    "date": "day",
    "date-time": "time",
    "string": "text",
    "boolean": "true or false",
    "integer": "whole number",
}
PROSE = Path(__file__).parent / "reading.md"


def text(catalogue: Catalogue) -> str:
    return Template(PROSE.read_text()).substitute(
        topics="\n".join(_topics(catalogue)),
        overview="\n".join(_overview(catalogue)),
        events="\n".join(line for topic in catalogue.topics for line in _events(topic, catalogue.on(topic.name))),
    )


def _topics(catalogue: Catalogue) -> Iterator[str]:
    yield "| topic | written by | kept | partitions | heard by |"
    yield "|---|---|---|---|---|"
    for topic in catalogue.topics:
        heard_by = dict.fromkeys(service for entry in catalogue.on(topic.name) for service in entry.heard_by)
        cells = (f"`{topic.name}`", topic.owner, f"{topic.retention_days} d", str(topic.partitions), _listed(heard_by))
        yield _row(*cells)


def _overview(catalogue: Catalogue) -> Iterator[str]:
    yield "| event | type | key | data | sealed | said by | heard by |"
    yield "|---|---|---|---|---|---|---|"
    for topic in catalogue.topics:
        for entry in catalogue.on(topic.name):
            data = entry.form["data"]
            fields = [_named(name, data) for name in data["properties"]]
            link = f"[{entry.name}](#{_anchor(entry)})"
            key = entry.event.keyed_by
            owner = topic.owner if entry.said else f"{topic.owner}, not yet"
            cells = (link, f"`{entry.type}`", key, _listed(fields), _listed(entry.sealed), owner)
            yield _row(*cells, _listed(entry.heard_by))


def _events(topic: Topic, entries: list[Entry]) -> Iterator[str]:
    yield f"## {topic.name}\n"
    for entry in entries:
        yield f'<a id="{_anchor(entry)}"></a>\n\n### {entry.name}\n'
        yield f"`{entry.type}` · key `{entry.event.keyed_by}` · heard by {_listed(entry.heard_by)}\n"
        yield f"{entry.summary}\n"
        yield "| field | kind | |"
        yield "|---|---|---|"
        data = entry.form["data"]
        for name, schema in data["properties"].items():
            yield _row(f"`{_named(name, data)}`", _kind(schema), entry.about(name))
        yield f"\nSealed: {_listed(entry.sealed)}.\n" if entry.sealed else ""


def _anchor(entry: Entry) -> str:
    """Of the type and not of the class: two services may have a class of one name."""
    return entry.type.replace(".", "-")


def _named(field: str, schema: Schema) -> str:
    return field if field in schema["required"] else f"{field}?"


def _kind(schema: Schema) -> str:
    match schema:
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"type": "array", "items": items}:
            return f"list of {_kind(items)}"
        case {"format": form}:
            return KINDS.get(form, str(form))
        case {"type": kind}:
            return KINDS.get(kind, str(kind))
    return " or ".join(map(_kind, schema["anyOf"]))


def _listed(names: object) -> str:
    assert hasattr(names, "__iter__")
    return ", ".join(names) or "—"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
