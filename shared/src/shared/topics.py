"""Topics and readers as deploy/topics.yaml names them: how long each keeps what, and what must hold between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Topic:
    """One line of the file; `owner` alone writes it."""

    name: str
    owner: str
    partitions: int
    retention_days: int


@dataclass(frozen=True)
class Topics:
    """The file."""

    topics: Mapping[str, Topic]
    inbox_days: Mapping[str, int]
    """How long each reader remembers what it handled."""


@dataclass(frozen=True)
class Retention:
    """How long one service keeps its rows: sent ones of the outbox, what it remembers of events, resolved letters."""

    outbox_retention_days: int
    inbox_retention_days: int


class Unfit(Exception):
    """The file cannot be read, or what it says would break a promise; the text says what to change."""


def read(file: Path) -> Topics:
    """Raises `Unfit`."""
    try:
        found = yaml.safe_load(file.read_text())
        topics = [Topic(**topic) for topic in found["topics"]]
        inbox_days = {name: int(reader["inbox_retention_days"]) for name, reader in found["readers"].items()}
    except OSError as problem:
        raise Unfit(f"{file} cannot be read ({problem.strerror})") from None
    except (yaml.YAMLError, UnicodeError, TypeError, KeyError, ValueError, AttributeError) as problem:
        raise Unfit(f"{file} does not have the form of deploy/topics.yaml ({type(problem).__name__})") from None
    return Topics({topic.name: topic for topic in topics}, inbox_days)


def retention(topics: Topics, service: str, reads: set[str]) -> Retention:
    """What the service keeps how long; raises `Unfit` where it would forget an event that its topic can still give.

    `reads` names the topics that it hears; it writes its own. A day is between the two so that a record which came at
    its topic's last minute is remembered when it comes again.
    """
    own = f"{service}.events"
    if missing := sorted(({own} | reads) - topics.topics.keys()):
        raise Unfit(f"add {', '.join(missing)}: {service} reads or writes it")
    longest = max((topics.topics[name] for name in reads), key=lambda topic: topic.retention_days, default=None)
    least = 1 if longest is None else longest.retention_days + 1
    kept = topics.inbox_days.get(service, 1 if longest is None else 0)
    if kept < least:
        assert longest is not None
        raise Unfit(
            f"set readers.{service}.inbox_retention_days to {least} or more, not {kept or 'nothing'}:"
            f" {longest.name} keeps {longest.retention_days} days, and what is read again must be remembered"
        )
    return Retention(topics.topics[own].retention_days, kept)
