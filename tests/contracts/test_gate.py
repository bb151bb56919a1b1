"""The gate: releases that run together understand each other, and a change that breaks this is not taken."""

from pathlib import Path
from typing import ClassVar, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from deploy.events import wire
from deploy.events.wire import Breaking, breaks, form_of, record
from shared.events import Event, Malformed, SecretsClass
from tests.contracts.both_ways import agree, reads_what_was_released, writes_as_released

FORMS = wire.released()
CLASSES = wire.classes()
TYPES = sorted(FORMS)


def test_every_released_type_still_has_a_class_that_reads_it() -> None:
    assert FORMS.keys() - CLASSES.keys() == set()


@pytest.mark.parametrize("type_", TYPES)
def test_form_of_the_class_is_the_released_one(type_: str) -> None:
    """Broken: read what `make events` says. Only a field more: `make events` writes it down."""
    now = form_of(CLASSES[type_])

    assert breaks(FORMS[type_], now) == []
    assert now == FORMS[type_]


def test_every_type_has_its_form_committed() -> None:
    assert CLASSES.keys() - FORMS.keys() == set()


@pytest.mark.parametrize("type_", TYPES)
def test_class_reads_whatever_the_released_form_allows(type_: str) -> None:
    reads_what_was_released(FORMS[type_], CLASSES[type_])


@pytest.mark.parametrize("type_", TYPES)
def test_whatever_the_class_writes_is_of_the_released_form(type_: str) -> None:
    writes_as_released(FORMS[type_], CLASSES[type_])


class Planted:
    """What the planted events below have in common; no class of the contracts, so the registry does not take them."""

    type: ClassVar[str] = "planted.visit_noted.v1"
    topic: ClassVar[str] = "planted.events"
    keyed_by: ClassVar[str] = "visit_id"
    secrets: ClassVar[SecretsClass | None] = None


class Visitor(BaseModel):
    name: str
    phone: str | None = None


class VisitNoted(Planted, Event):
    secrets: ClassVar[SecretsClass | None] = Visitor

    visit_id: UUID
    place: str
    reason: Literal["repair", "reading"]
    note: str | None = None
    floor: int = 1


class FieldGone(Planted, Event):
    secrets = Visitor
    visit_id: UUID
    reason: Literal["repair", "reading"]
    note: str | None = None
    floor: int = 1


class OptionalFieldGone(Planted, Event):
    secrets = Visitor
    visit_id: UUID
    place: str
    reason: Literal["repair", "reading"]
    floor: int = 1


class FieldRenamed(Planted, Event):
    secrets = Visitor
    visit_id: UUID
    address: str
    reason: Literal["repair", "reading"]
    note: str | None = None
    floor: int = 1


class OptionalFieldRenamed(Planted, Event):
    secrets = Visitor
    visit_id: UUID
    place: str
    reason: Literal["repair", "reading"]
    remark: str | None = None
    floor: int = 1


class TypeNarrowed(VisitNoted):
    place: str = Field(max_length=10)


class TypeWidened(VisitNoted):
    floor: int | str = 1  # type: ignore[assignment]


class TypeChanged(VisitNoted):
    place: int  # type: ignore[assignment]


class NewRequiredField(VisitNoted):
    town: str


class OptionalBecameRequired(VisitNoted):
    note: str


class RequiredBecameOptional(VisitNoted):
    place: str | None = None  # type: ignore[assignment]


class EnumValueMore(VisitNoted):
    reason: Literal["repair", "reading", "complaint"]  # type: ignore[assignment]


class EnumValueLess(VisitNoted):
    reason: Literal["repair"]


class KeyChanged(VisitNoted):
    keyed_by = "place"


class TopicChanged(VisitNoted):
    topic = "other.events"


class SealedGone(VisitNoted):
    secrets = None


class Renamed(BaseModel):
    full_name: str
    phone: str | None = None


class SealedFieldRenamed(VisitNoted):
    secrets = Renamed


class Longer(Visitor):
    email: str


class SealedFieldRequired(VisitNoted):
    secrets = Longer


class Open(VisitNoted):
    secrets = None


BREAKING: list[type[Event]] = [
    FieldGone,
    OptionalFieldGone,
    FieldRenamed,
    OptionalFieldRenamed,
    TypeNarrowed,
    TypeWidened,
    TypeChanged,
    NewRequiredField,
    OptionalBecameRequired,
    RequiredBecameOptional,
    EnumValueMore,
    EnumValueLess,
    KeyChanged,
    TopicChanged,
    SealedGone,
    SealedFieldRenamed,
    SealedFieldRequired,
]


class Travelling(Visitor):
    email: str | None = None


class OptionalFieldsMore(VisitNoted):
    """With words that were not there, and the enum's values in another order."""

    secrets = Travelling

    reason: Literal["reading", "repair"] = Field(description="why somebody came")
    town: str | None = None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the form of `VisitNoted` was released."""
    record({VisitNoted.type: form_of(VisitNoted)}, tmp_path)
    return tmp_path


def test_event_that_did_not_change_agrees_with_itself() -> None:
    agree(form_of(VisitNoted), VisitNoted)

    assert breaks(form_of(VisitNoted), form_of(VisitNoted)) == []


@pytest.mark.parametrize("changed", BREAKING, ids=lambda changed: changed.__name__)
def test_breaking_change_is_refused_and_leaves_the_released_form(changed: type[Event], folder: Path) -> None:
    with pytest.raises(Breaking, match=r"planted\.visit_noted\.v1: "):
        record({changed.type: form_of(changed)}, folder)

    assert wire.released(folder) == {VisitNoted.type: form_of(VisitNoted)}


@pytest.mark.parametrize("changed", BREAKING, ids=lambda changed: changed.__name__)
def test_breaking_change_breaks_a_reader(changed: type[Event]) -> None:
    """What the comparison of forms forbids is what generated data shows to be wrong, and not a matter of taste."""
    with pytest.raises((AssertionError, Malformed, KeyError)):
        agree(form_of(VisitNoted), changed)


def test_sealed_part_that_older_events_lack_is_refused(tmp_path: Path) -> None:
    record({Open.type: form_of(Open)}, tmp_path)

    with pytest.raises(Breaking, match="a sealed part is new"):
        record({VisitNoted.type: form_of(VisitNoted)}, tmp_path)
    with pytest.raises(Malformed, match="the sealed part is missing"):
        agree(form_of(Open), VisitNoted)


def test_type_that_nothing_reads_any_more_is_refused(folder: Path) -> None:
    with pytest.raises(Breaking, match="nothing reads it any more"):
        record({}, folder)


def test_fields_that_may_be_absent_are_written_down(folder: Path) -> None:
    assert record({VisitNoted.type: form_of(OptionalFieldsMore)}, folder) == [VisitNoted.type]

    assert wire.released(folder) == {VisitNoted.type: form_of(OptionalFieldsMore)}
    agree(form_of(VisitNoted), OptionalFieldsMore)
    agree(form_of(OptionalFieldsMore), OptionalFieldsMore)


def test_words_and_order_change_nothing_on_the_wire() -> None:
    class Told(VisitNoted):
        """Other words."""

        reason: Literal["reading", "repair"] = Field(description="why somebody came")

    assert form_of(Told) == form_of(VisitNoted)
