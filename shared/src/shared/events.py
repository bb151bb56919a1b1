"""Events: frozen pydantic classes, and CloudEvents 1.0 in Kafka's binary mode both ways."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, UUID, uuid5

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from uuid_utils.compat import uuid7

SecretsClass = type[BaseModel]
Headers = Sequence[tuple[str, bytes | None]]
"""As Kafka gives them: any names, any bytes, and a value may be absent."""

# Every event class by its type, filled as `shared.contracts` is imported.
REGISTRY: dict[str, type["Event"]] = {}


class Event(BaseModel):
    """A fact in the past tense. `type`, `topic` and the key's field belong to the class, `id` and `time` to the fact.

    `sealed` is the JWE that only the notifier can open: `encode` writes it, `decode` gives it back as it came.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str] = ""
    topic: ClassVar[str] = ""
    keyed_by: ClassVar[str] = ""
    secrets: ClassVar[SecretsClass | None] = None
    """What travels sealed with every event of the class; none: nothing does."""

    id: UUID = Field(default_factory=uuid7, exclude=True)
    time: datetime = Field(default_factory=lambda: datetime.now(UTC), exclude=True)
    sealed: str | None = Field(default=None, exclude=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "type" in cls.__dict__ and REGISTRY.setdefault(cls.type, cls) is not cls:
            raise TypeError(f"two event classes of type {cls.type}")

    @property
    def key(self) -> str:
        return str(getattr(self, self.keyed_by))

    @classmethod
    def owner(cls) -> str:
        """The service that alone may say this event, as its topic names it."""
        return cls.topic.removesuffix(".events")


class Malformed(Exception):
    """A record that is no event of this house. The text names fields and kinds, never what was found in them."""


def encode(event: Event, sealed: str | None = None, traceparent: str | None = None) -> tuple[dict[str, str], bytes]:
    """The record's headers and value; its key is `event.key`."""
    data = event.model_dump(mode="json", exclude_none=True)
    if sealed is not None:
        data["sealed"] = sealed
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"/kabinet/{event.owner()}",
        "type": event.type,
        "subject": event.key,
        "time": event.time,
        "datacontenttype": "application/json",
        "dataschema": f"urn:kabinet:{event.type}",
    }
    if traceparent is not None:
        attributes["traceparent"] = traceparent
    message = to_binary(CloudEvent(attributes, data), JSONFormat())
    return {name: value.decode() for name, value in message.headers.items()}, message.value


def type_of(headers: Headers) -> str | None:
    """The record's event type, read without trusting anything else in it."""
    return header(headers, "ce_type")


def header(headers: Headers, name: str) -> str | None:
    value = next((value for key, value in headers if key == name), None)
    return None if value is None else value.decode("utf-8", "replace")


def identity_of(headers: Headers, position: str) -> UUID:
    """The id under which the inbox remembers this record.

    Ours are UUIDs. Another system's id is unique only together with its source; a record without an id at all is
    remembered by its position (`topic/partition/offset`), so that it can be parked once.
    """
    found = header(headers, "ce_id")
    if not found:
        return uuid5(NAMESPACE_URL, position)
    try:
        return UUID(found)
    except ValueError:
        return uuid5(NAMESPACE_URL, f"{header(headers, 'ce_source')}#{found}")


def decode(headers: Headers, value: bytes | None, as_class: type[Event]) -> Event:
    """The event of a record whose type is `as_class.type`; raises `Malformed`."""
    if value is None:
        raise Malformed("the record has no value")
    try:
        present = {name: content for name, content in headers if content is not None}
        message = KafkaMessage(headers=present, key=None, value=value)
        cloud_event = from_binary(message, JSONFormat(), CloudEvent)
    except CloudEventValidationError as problem:
        raise Malformed(f"attributes: {', '.join(sorted(map(str, problem.errors)))}") from None
    except (ValueError, TypeError, UnicodeError, RecursionError) as problem:
        raise Malformed(f"not a CloudEvent with JSON data: {type(problem).__name__}") from None
    if not header(headers, "ce_id"):  # the library would make one up
        raise Malformed("attributes: id")
    data = cloud_event.get_data()
    if not isinstance(data, dict):
        raise Malformed("the data is not a JSON object")
    attributes = {
        "id": identity_of(headers, ""),
        "time": cloud_event.get_time() or datetime.now(UTC),
    }
    try:
        return as_class.model_validate({**data, **attributes})
    except ValidationError as problem:
        fields = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in problem.errors(include_input=False))
        raise Malformed(fields) from None
