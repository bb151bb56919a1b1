"""What a call of a service may come back with instead of what was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class NotDone(Exception):
    """The service did not do it. `code` is the problem's stable code."""

    code: str = ""


@dataclass(frozen=True)
class FieldProblem:
    """One line of a 422 about fields; `detail` is in the reader's language already."""

    field: str
    code: str
    detail: str


@dataclass(eq=False)
class Refused(NotDone):
    """A 4xx: it is for the person to do something about it."""

    status: int
    code: str
    detail: str = ""
    fields: Sequence[FieldProblem] = ()
    retry_after: int | None = None
    """Seconds."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """The problem as it came: `attempts_left`, `ticket`, …"""
    location: str | None = None


@dataclass(eq=False)
class Away(NotDone):
    """It does not answer, or says that it cannot now."""

    service: str
    code: str = "unavailable"
    retry_after: int | None = None


class SessionEnded(Exception):
    """Whoever was signed in is not any more."""


class FormTooOld(Exception):
    """The form was made for another session: what it would do is not done."""
