"""The inbox: one transaction for a batch's remembered ids and its effects; reactions never see a repeat."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from aiokafka import ConsumerRecord
from opentelemetry.trace import Span
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import context, metrics, telemetry
from shared.events import Attributes, Event, Headers, Malformed, header, identity_of, read
from shared.failpoints import point


@dataclass(frozen=True)
class Heard:
    """An event class and the reaction to it: `await react(session, event, wired)`.

    `batch=True`: the reaction takes the list of all consecutive events of this class instead of one.
    `inbox=False`: for copies keyed by the fact's own id, whose upsert absorbs repeats by itself.
    """

    event: type[Event]
    react: Callable[[AsyncSession, Any, Any], Awaitable[None]]
    inbox: bool = True
    batch: bool = False
    discards_letters: bool = False
    """The event makes what waits under its key pointless (an erasure): those dead letters are dropped, then it runs."""


Hearing = dict[str, Heard]


def hearing(heard: Iterable[Heard]) -> Hearing:
    return {entry.event.type: entry for entry in heard}


class Record(NamedTuple):
    """A record of a type that is read here, with what is needed to handle or to park it."""

    topic: str
    partition: int
    position: int
    key: str
    type: str
    event_id: UUID
    headers: Headers
    value: bytes | None

    @classmethod
    def of(cls, polled: "ConsumerRecord[bytes, bytes]", attributes: Attributes, type_: str) -> "Record":
        topic, partition, offset = polled.topic, polled.partition, polled.offset
        key = storable((polled.key or b"").decode("utf-8", "replace"))
        event_id = identity_of(attributes, topic, partition, offset)
        return cls(topic, partition, offset, key, storable(type_)[:200], event_id, polled.headers, polled.value)


def storable(text: str) -> str:
    """PostgreSQL's text holds every character but NUL."""
    return text.replace("\x00", "\ufffd")


def concerning(polled: "Sequence[ConsumerRecord[bytes, bytes]]", heard: Hearing) -> list[Record]:
    """The records that concern this reader; others are counted and passed over.

    A type that is read, in a version that is not, concerns it too: it must wait until the reader is updated.
    A record without a type is malformed, and parked, only where the topic carries something that is read.
    """
    names = {name.rpartition(".v")[0] for name in heard}
    records = []
    for one in polled:
        attributes = dict(one.headers)
        type_ = header(attributes, "ce_type")
        if type_ is None or type_ in heard or type_.rpartition(".v")[0] in names:
            records.append(Record.of(one, attributes, type_ or ""))
        else:
            metrics.ignored.labels(one.topic).inc()
    return records


def opened(record: Record, heard: Hearing) -> Event:
    """The record's event; raises `Malformed`."""
    if record.type not in heard:
        raise Malformed(f"no reader for the type or its version: {record.type[:80]!r}")
    return read(dict(record.headers), record.value, heard[record.type].event, record.event_id)


async def handle(session: AsyncSession, records: Sequence[Record], heard: Hearing, wired: Any) -> int:
    """Remember the records and react to the new ones, in order, inside the caller's transaction; how many were new."""
    remembered = [record for record in records if record.type not in heard or heard[record.type].inbox]
    passed = await remember(session, remembered)
    fresh: list[Record] = []
    for record in records:
        if record.type in heard and not heard[record.type].inbox:
            fresh.append(record)
        elif record.event_id not in passed:
            passed.add(record.event_id)  # the same event twice in one batch is a repeat too
            fresh.append(record)
    await point("inbox.remembered")
    await react(session, fresh, heard, wired)
    await point("inbox.reacted")
    return len(fresh)


async def react(session: AsyncSession, records: Sequence[Record], heard: Hearing, wired: Any) -> None:
    """Run the reactions without asking the inbox; raises `Malformed` before any of them if a record cannot be read."""
    events = [(record, opened(record, heard)) for record in records]
    for entry, run in _runs([(heard[record.type], record, event) for record, event in events]):
        if entry.batch and len(run) > 1:
            with context.known_causes({event.id: record for record, event in run}, _cause):
                await entry.react(session, [event for _, event in run], wired)
            continue
        for record, event in run:
            with _hearing(event, _cause(record)):  # what it causes belongs to its trace
                await entry.react(session, [event] if entry.batch else event, wired)


def each(event: Event) -> AbstractContextManager[object]:
    """Round what a reaction does because of one event out of many: it belongs to that event's trace."""
    cause = context.cause_of(event.id)
    return nullcontext() if cause is None else _hearing(event, cause)


def _hearing(event: Event, cause: str | None) -> AbstractContextManager[Span]:
    kafka = {"messaging.system": "kafka", "messaging.destination.name": event.topic, "kabinet.event": event.type}
    return telemetry.because(cause, f"hear {event.type}", telemetry.CONSUMER, **kafka)


def _cause(record: Record) -> str | None:
    return header(dict(record.headers), "ce_traceparent")


async def remember(session: AsyncSession, records: Sequence[Record]) -> set[UUID]:
    """Write the inbox rows in one statement; the ids that were there before, which are few or none."""
    if not records:
        return set()
    statement = text(
        "WITH wanted AS (SELECT DISTINCT unnest(CAST(:ids AS uuid[])) AS event_id),"
        " new AS (INSERT INTO inbox (event_id) SELECT event_id FROM wanted ORDER BY event_id"
        " ON CONFLICT DO NOTHING RETURNING event_id)"
        " SELECT event_id FROM wanted EXCEPT SELECT event_id FROM new"
    )
    return set((await session.execute(statement, {"ids": [record.event_id for record in records]})).scalars())


def _runs(fresh: Sequence[tuple[Heard, Record, Event]]) -> Iterable[tuple[Heard, list[tuple[Record, Event]]]]:
    """Neighbours of one class together, so that the order of different events of a key stays as it was."""
    run: list[tuple[Record, Event]] = []
    for index, (entry, record, event) in enumerate(fresh):
        run.append((record, event))
        if index + 1 == len(fresh) or fresh[index + 1][0] is not entry:
            yield entry, run
            run = []
