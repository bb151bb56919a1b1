"""Events and topics: each event has its owner, its topic stands in deploy/topics.yaml, its names follow the house."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import shared.contracts  # noqa: F401
from deploy.embedded import topics
from shared.events import REGISTRY, Event
from shared.inbox import Heard
from shared.service import Service
from shared.topics import read as read_file
from shared.topics import retention

CLASSES = [one for one in REGISTRY.values() if one.__module__.startswith("shared.contracts.")]
TOPICS = {topic.name: topic for topic in topics.read()}
SOURCES = Path(__file__).resolve().parents[2] / "services"


@pytest.mark.parametrize("event", CLASSES, ids=lambda event: event.type)
def test_event_is_named_for_its_owner(event: type[Event]) -> None:
    service, _, fact = event.type.partition(".")

    assert event.owner().replace("-", "_") == service == event.__module__.rpartition(".")[2]
    name, later = re.fullmatch(r"(\w+?)(?:V([2-9]|[1-9]\d+))?", event.__name__).groups()  # type: ignore[union-attr]
    assert fact == f"{re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()}.v{later or 1}"
    assert event.keyed_by in event.model_fields


@pytest.mark.parametrize("event", CLASSES, ids=lambda event: event.type)
def test_topic_of_the_event_is_listed_with_its_owner(event: type[Event]) -> None:
    assert TOPICS[event.topic].owner == event.owner()


def test_every_listed_topic_carries_something() -> None:
    assert TOPICS.keys() == {event.topic for event in CLASSES}


def test_topics_keep_what_the_contract_says() -> None:
    assert {topic.partitions for topic in TOPICS.values()} == {12}
    assert {name: topic.retention_days for name, topic in TOPICS.items()} == {
        "identity.events": 7,
        "verification.events": 1,
        "billing-link.events": 7,
        "notifier.events": 7,
        "billing.events": 7,
    }


def said() -> Iterator[tuple[str, str]]:
    """(service's package, event class) wherever a service's code names a class in a call."""
    names = {event.__name__ for event in CLASSES}
    for file in SOURCES.glob("*/src/*/**/*.py"):
        package = file.relative_to(SOURCES).parts[2]
        for name in re.findall(r"\b([A-Z]\w+)\(", file.read_text()):
            if name in names:
                yield package, name


def test_only_its_owner_makes_an_event() -> None:
    owners: dict[str, set[str]] = {}
    for event in CLASSES:
        owners.setdefault(event.__name__, set()).add(event.owner().replace("-", "_"))

    assert {(package, name) for package, name in said() if package not in owners[name]} == set()


def test_readers_outlive_the_topics_that_they_read(service: Service) -> None:
    """Else a record that is read again would find its inbox row gone."""
    read = {entry.event.topic for entry in heard(service)}

    kept = retention(read_file(topics.FILE), service.settings.service, read)

    assert kept.inbox_retention_days >= max((TOPICS[name].retention_days for name in read), default=0) + 1
    assert kept.outbox_retention_days >= TOPICS[f"{service.settings.service}.events"].retention_days


def test_whoever_hears_a_version_hears_the_other_versions_too(service: Service) -> None:
    """Readers of both come first; only then is the later one alone written."""
    types = {event.type for event in CLASSES}

    assert deaf_to({entry.event.type for entry in heard(service)}, types) == set()


def test_reader_of_one_version_alone_would_be_found() -> None:
    types = {"a.made.v1", "a.made.v2", "a.made.v10", "b.made.v1"}

    assert deaf_to({"a.made.v1", "b.made.v1"}, types) == {"a.made.v2", "a.made.v10"}


def deaf_to(heard_types: set[str], types: set[str]) -> set[str]:
    """Versions of heard events that are not heard."""
    facts = {type_.rpartition(".")[0] for type_ in heard_types}
    return {type_ for type_ in types - heard_types if type_.rpartition(".")[0] in facts}


def test_erasure_discards_what_waits(service: Service) -> None:
    for entry in heard(service):
        assert entry.discards_letters == (entry.event.type == "identity.user_erased.v1")


def heard(service: Service) -> list[Heard]:
    return list(service.heard)
