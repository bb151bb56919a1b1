"""Who says which event and who hears it, topic by topic: from the contracts, the services and deploy/topics.yaml."""

import json
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from deploy.embedded import topics
from deploy.embedded.environment import WITH_DATABASE, database_name
from deploy.embedded.topics import Topic
from deploy.events import samples, words
from deploy.events.wire import Form, classes, form_of
from shared.events import Event

SERVICES = Path(__file__).resolve().parents[2] / "services"


@dataclass(frozen=True)
class Entry:
    """One event type as its readers need to know it."""

    event: type[Event]
    form: Form
    heard_by: tuple[str, ...]
    """Services, in the order of the contract; each is a consumer group of that name."""

    @property
    def type(self) -> str:
        return self.event.type

    @property
    def name(self) -> str:
        return self.event.__name__

    @property
    def summary(self) -> str:
        return words.summary(self.event)

    @property
    def said(self) -> bool:
        """Whether its owner makes one somewhere by now; the billing system, whose code is not here, does."""
        sources = [*(SERVICES / self.event.owner()).glob("src/**/*.py")]
        return not sources or any(re.search(rf"\b{self.name}\(", file.read_text()) for file in sources)

    @property
    def sealed(self) -> list[str]:
        """Names of what travels sealed, `?` behind those that may be absent."""
        schema = self.form.get("sealed", {"properties": {}, "required": []})
        return [name + ("" if name in schema["required"] else "?") for name in schema["properties"]]

    @property
    def samples(self) -> dict[str, dict[str, Any]]:
        """Golden samples by name: that of the type itself, and one for each field that came later."""
        files = (samples.FOLDER / f"{self.type}.json", *sorted(samples.FOLDER.glob(f"{self.type}+*.json")))
        return {file.stem: json.loads(file.read_text()) for file in files}

    def about(self, field: str) -> str:
        return words.about_field(self.event, field)


@dataclass(frozen=True)
class Catalogue:
    """Every topic of deploy/topics.yaml, and every event of the contracts."""

    topics: tuple[Topic, ...]
    entries: tuple[Entry, ...]

    def on(self, topic: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.event.topic == topic]

    def heard(self, service: str) -> dict[str, list[Entry]]:
        """What the service hears, by topic."""
        found = {topic.name: [one for one in self.on(topic.name) if service in one.heard_by] for topic in self.topics}
        return {topic: entries for topic, entries in found.items() if entries}


def read() -> Catalogue:
    heard = {service: _heard_types(service) for service in WITH_DATABASE}
    entries = (
        Entry(event, form_of(event), tuple(service for service, types in heard.items() if type_ in types))
        for type_, event in classes().items()
    )
    return Catalogue(tuple(topics.read()), tuple(entries))


def _heard_types(service: str) -> set[str]:
    main = import_module(f"{database_name(service)}.main")
    return {entry.event.type for entry in main.service.heard}
