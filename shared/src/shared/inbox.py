"""The inbox: one transaction for a batch's remembered ids and its effects; reactions never see a repeat."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiokafka import ConsumerRecord
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import context, metrics
from shared.events import Event, Headers, Malformed, decode, header, identity_of, type_of


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
    """The event makes whatever waits under its key pointless (an erasure): those letters are dropped, then it runs."""


Hearing = dict[str, Heard]


def hearing(heard: Iterable[Heard]) -> Hearing:
    return {entry.event.type: entry for entry in heard}


@dataclass(frozen=True)
class Letter:
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
    def of(cls, record: "ConsumerRecord[bytes, bytes]", type_: str) -> "Letter":
        position = f"{record.topic}/{record.partition}/{record.offset}"
        return cls(
            topic=record.topic,
            partition=record.partition,
            position=record.offset,
            key=storable((record.key or b"").decode("utf-8", "replace")),
            type=storable(type_)[:200],
            event_id=identity_of(record.headers, position),
            headers=record.headers,
            value=record.value,
        )


def storable(text: str) -> str:
    """PostgreSQL's text holds every character but NUL."""
    return text.replace("\x00", "\ufffd")


def letters_for(records: "Sequence[ConsumerRecord[bytes, bytes]]", heard: Hearing) -> list[Letter]:
    """The records that concern this reader; others are counted and passed over.

    A type that is read, in a version that is not, concerns it too: it must wait until the reader is updated.
    A record without a type is malformed, and parked, only where the topic carries something that is read.
    """
    names = {name.rpartition(".v")[0] for name in heard}
    letters = []
    for record in records:
        type_ = type_of(record.headers)
        if type_ is None or type_ in heard or type_.rpartition(".v")[0] in names:
            letters.append(Letter.of(record, type_ or ""))
        else:
            metrics.ignored.labels(record.topic).inc()
    return letters


def opened(letter: Letter, heard: Hearing) -> Event:
    """The letter's event; raises `Malformed`."""
    if letter.type not in heard:
        raise Malformed(f"no reader for the type or its version: {letter.type[:80]!r}")
    return decode(letter.headers, letter.value, heard[letter.type].event)


async def handle(session: AsyncSession, letters: Sequence[Letter], heard: Hearing, wired: Any) -> int:
    """Remember the letters and react to the new ones, in order, inside the caller's transaction; how many were new."""
    new = await remember(
        session,
        [letter for letter in letters if letter.type not in heard or heard[letter.type].inbox],
    )
    fresh: list[Letter] = []
    for letter in letters:
        if letter.type in heard and not heard[letter.type].inbox:
            fresh.append(letter)
        elif letter.event_id in new:
            new.remove(letter.event_id)  # the same event twice in one batch is a repeat too
            fresh.append(letter)
    await react(session, fresh, heard, wired)
    return len(fresh)


async def react(session: AsyncSession, letters: Sequence[Letter], heard: Hearing, wired: Any) -> None:
    """Run the reactions without asking the inbox; raises `Malformed` before any of them if a letter cannot be read."""
    events = [(letter, opened(letter, heard)) for letter in letters]
    for entry, run in _runs([(heard[letter.type], letter, event) for letter, event in events]):
        if entry.batch:
            await entry.react(session, [event for _, event in run], wired)
            continue
        for letter, event in run:
            context.traceparent.set(header(letter.headers, "ce_traceparent"))  # what it causes belongs to its trace
            await entry.react(session, event, wired)
    context.traceparent.set(None)


async def remember(session: AsyncSession, letters: Sequence[Letter]) -> set[UUID]:
    """Write the inbox rows in one statement; the ids that were not there before."""
    if not letters:
        return set()
    statement = text(
        "INSERT INTO inbox (event_id) SELECT DISTINCT unnest(CAST(:ids AS uuid[])) ORDER BY 1"
        " ON CONFLICT DO NOTHING RETURNING event_id"
    )
    return set((await session.execute(statement, {"ids": [letter.event_id for letter in letters]})).scalars())


def _runs(fresh: Sequence[tuple[Heard, Letter, Event]]) -> Iterable[tuple[Heard, list[tuple[Letter, Event]]]]:
    """Neighbours of one class together, so that the order of different events of a key stays as it was."""
    run: list[tuple[Letter, Event]] = []
    for index, (entry, letter, event) in enumerate(fresh):
        run.append((letter, event))
        if index + 1 == len(fresh) or fresh[index + 1][0] is not entry:
            yield entry, run
            run = []
