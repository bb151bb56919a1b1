"""Dead letters as they are shown: which wait, how many by what, and one of them without its contents."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.logging import mask
from shared.parking import waiting
from shared.tables import DeadLetter

By = Literal["cause", "type", "key", "topic"]
MAX_LINES = 200
MAX_NAME = 60


_FIGURES: tuple[Any, ...] = (
    func.count(),
    func.count(func.distinct(func.concat(col(DeadLetter.topic), "/", col(DeadLetter.key)))),
    func.min(col(DeadLetter.parked_at)),
    func.max(col(DeadLetter.parked_at)),
)


@dataclass(frozen=True)
class WaitingTopic:
    """What waits of one topic."""

    name: str
    letters: int
    oldest_seconds: float


@dataclass(frozen=True)
class Asked:
    """Which letters are meant; what is None does not matter."""

    topic: str | None = None
    type: str | None = None
    key: str | None = None
    cause: str | None = None
    """A part of the cause."""
    older_than: timedelta | None = None
    newer_than: timedelta | None = None
    resolved: bool = False
    """Those that were replayed or dropped, instead of those that wait."""

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [col(DeadLetter.resolved_at).is_not(None) if self.resolved else waiting()]
        for column, value in ((DeadLetter.topic, self.topic), (DeadLetter.type, self.type), (DeadLetter.key, self.key)):
            if value is not None:
                found.append(col(column) == value)
        if self.cause is not None:
            found.append(col(DeadLetter.cause).contains(self.cause, autoescape=True))
        if self.older_than is not None:
            found.append(col(DeadLetter.parked_at) <= func.now() - self.older_than)
        if self.newer_than is not None:
            found.append(col(DeadLetter.parked_at) >= func.now() - self.newer_than)
        return found


@dataclass(frozen=True)
class Counted:
    """Letters that have one thing in common."""

    of: str
    letters: int
    keys: int
    oldest: datetime
    newest: datetime


async def listed(session: AsyncSession, asked: Asked, limit: int) -> list[DeadLetter]:
    """Those asked for, in the order of parking."""
    query = select(DeadLetter).where(*asked.conditions()).order_by(col(DeadLetter.number)).limit(limit)
    return list((await session.execute(query)).scalars())


async def counted(session: AsyncSession, asked: Asked) -> Counted | None:
    """All of them together; None where there are none."""
    row = (await session.execute(select(*_FIGURES).where(*asked.conditions()))).one()
    return Counted("all", *row) if row[0] else None


async def counted_by(session: AsyncSession, asked: Asked, by: By, limit: int) -> list[Counted]:
    """The same by cause, type, key or topic, the most first."""
    of = {"cause": DeadLetter.cause, "type": DeadLetter.type, "key": DeadLetter.key, "topic": DeadLetter.topic}
    query = select(col(of[by]), *_FIGURES).where(*asked.conditions()).group_by(col(of[by]))
    rows = await session.execute(query.order_by(func.count().desc(), col(of[by])).limit(limit))
    return [Counted(*row) for row in rows.all()]


async def any_letter(session: AsyncSession, letter_id: UUID) -> DeadLetter | None:
    """Whether it waits or not."""
    return await session.get(DeadLetter, letter_id)


async def waiting_by_topic(session: AsyncSession) -> list[WaitingTopic]:
    statement = (
        "SELECT topic, count(*), extract(epoch FROM now() - min(parked_at)) FROM dead_letters"
        " WHERE resolved_at IS NULL GROUP BY topic ORDER BY topic"
    )
    return [
        WaitingTopic(name, count, float(age)) for name, count, age in (await session.execute(text(statement))).all()
    ]


async def resolved_counts(session: AsyncSession) -> Mapping[str, int]:
    """How many letters, of those that are still kept, were replayed and how many dropped."""
    statement = "SELECT resolution, count(*) FROM dead_letters WHERE resolved_at IS NOT NULL GROUP BY resolution"
    rows = (await session.execute(text(statement))).all()
    return {"replayed": 0, "dropped": 0} | {row[0]: row[1] for row in rows}


def history(row: DeadLetter) -> list[str]:
    """What became of the letter so far, a line for each."""
    told = [f"{row.parked_at:%Y-%m-%d %H:%M:%S}  parked: {row.cause}"]
    if row.last_failed_at:
        times = "once" if row.failed_replays == 1 else f"{row.failed_replays} times, the last time"
        told.append(f"{row.last_failed_at:%Y-%m-%d %H:%M:%S}  replayed in vain {times}: {row.last_failure}")
    if row.resolved_at:
        by = f" by {row.resolved_by}" if row.resolved_by else ""
        why = f": {row.reason}" if row.reason else ""
        told.append(f"{row.resolved_at:%Y-%m-%d %H:%M:%S}  {row.resolution}{by}{why}")
    return told


def structure(value: bytes | None) -> list[str]:
    """The shape of a record's data: field names, ids as they are, and of everything else the kind alone."""
    if value is None:
        return ["no value"]
    try:
        lines = []
        for line in _lines("", json.loads(value)):
            lines.append(line)
            if len(lines) == MAX_LINES:
                return [*lines, "…"]
        return lines
    except (ValueError, RecursionError):
        return ["no JSON"]


def _lines(name: str, value: Any) -> Iterator[str]:
    match value:
        case dict():
            if not value:
                yield f"{name or 'data'}: an empty object"
            for key, inner in value.items():
                yield from _lines(f"{name}.{_name(key)}".removeprefix("."), inner)
        case list():
            yield f"{name or 'data'}: a list of {len(value)}"
            for inner in value[:3]:
                if isinstance(inner, dict | list) or _is_id(name, inner):
                    yield from _lines(f"{name}[]", inner)
        case _:
            yield f"{name or 'data'}: {value if _is_id(name, value) else _kind(value)}"


def _name(key: str) -> str:
    """A field's name, which a stranger may have chosen."""
    return mask(key)[:MAX_NAME]


def _is_id(name: str, value: object) -> bool:
    """A UUID under the name of an id is one that travels open."""
    if re.search(r"(^|[._])ids?(\[])*$", name) is None or not isinstance(value, str):
        return False
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case _:
            return f"a text of {len(str(value))}"
