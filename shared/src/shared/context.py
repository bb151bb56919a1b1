"""What belongs to the request or record that is being served, for logs and events."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, TypeVar
from uuid import UUID

Locale = Literal["ru", "en"]
T = TypeVar("T")

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_causes: ContextVar[Callable[[UUID], str | None]] = ContextVar("_causes", default=lambda _id: None)
locale: ContextVar[Locale] = ContextVar("locale", default="ru")


@contextmanager
def known_causes(by_id: Mapping[UUID, T], traceparent_of: Callable[[T], str | None]) -> Iterator[None]:
    """For a reaction that takes many events at once; nothing is looked up of those that nobody asks for."""
    token = _causes.set(lambda id_: traceparent_of(by_id[id_]) if id_ in by_id else None)
    try:
        yield
    finally:
        _causes.reset(token)


def cause_of(event_id: UUID) -> str | None:
    """The traceparent that one of those events came with."""
    return _causes.get()(event_id)
