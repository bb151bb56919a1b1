"""Events on the wire: CloudEvents 1.0 in Kafka's binary mode, both ways."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from shared.contracts.billing_link import AccountLinked
from shared.contracts.verification import CodeRequested
from shared.events import Event, Malformed, decode, encode, header

EVENT = CodeRequested(
    code_id=UUID("019ac000-0000-7000-8000-000000000001"),
    purpose="registration",
    send=1,
    expires_at=datetime(2026, 11, 25, 9, tzinfo=UTC),
    locale="ru",
)


def wire(event: Event, **changed: bytes | None) -> list[tuple[str, bytes | None]]:
    headers = {name: value.encode() for name, value in encode(event)[0].items()}
    return [*({**headers, **changed}).items()]


def test_event_goes_out_as_the_contract_says() -> None:
    headers, value = encode(EVENT, "sealed", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")

    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": str(EVENT.id),
        "ce_source": "/kabinet/verification",
        "ce_type": "verification.code_requested.v1",
        "ce_subject": "019ac000-0000-7000-8000-000000000001",
        "ce_time": EVENT.time.isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
        "ce_dataschema": "urn:kabinet:verification.code_requested.v1",
        "ce_traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
    }
    assert b'"sealed": "sealed"' in value or b'"sealed":"sealed"' in value
    assert b'"id"' not in value


def test_event_comes_back_as_it_was() -> None:
    headers, value = encode(EVENT, "sealed")

    heard = decode([(name, content.encode()) for name, content in headers.items()], value, CodeRequested)

    assert heard == EVENT.model_copy(update={"sealed": "sealed"})


def test_foreign_reader_finds_a_cloudevent() -> None:
    headers, value = encode(EVENT)
    message = KafkaMessage({name: content.encode() for name, content in headers.items()}, EVENT.key, value)

    found = from_binary(message, JSONFormat(), CloudEvent)

    assert (found.get_id(), found.get_type(), found.get_subject()) == (str(EVENT.id), EVENT.type, EVENT.key)


def test_ids_are_uuid7_and_grow() -> None:
    first, second = (CodeRequested(**EVENT.model_dump()) for _ in range(2))

    assert (first.id.version, first.id < second.id) == (7, True)


def test_fields_that_a_reader_does_not_know_are_ignored() -> None:
    value = b'{"code_id": "019ac000-0000-7000-8000-000000000001", "purpose": "registration", "send": 1,'
    value += b' "expires_at": "2026-11-25T09:00:00Z", "locale": "ru", "later": {"added": 1}}'

    assert decode(wire(EVENT), value, CodeRequested).key == EVENT.key


def test_what_is_absent_is_not_written() -> None:
    linked = AccountLinked(
        user_id=uuid7(),
        account_number="001234567",
        link_id=uuid7(),
        origin="migrated",
        linked_at=datetime(2026, 11, 25, tzinfo=UTC),
        other_holders=[],
    )

    assert b"request_id" not in encode(linked)[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"ce_id": None},
        {"ce_id": b""},
        {"ce_source": None},
        {"ce_specversion": b"2.0"},
        {"ce_time": b"now"},
        {"ce_type": b"\xff"},
        {"content-type": b"text/plain"},
    ],
)
def test_damaged_headers_are_malformed(changed: dict[str, bytes | None]) -> None:
    with pytest.raises(Malformed):
        decode(wire(EVENT, **changed), encode(EVENT)[1], CodeRequested)


def test_malformed_names_fields_and_never_what_was_in_them() -> None:
    value = b'{"code_id": "secret-1", "purpose": "secret-2", "send": "secret-3"}'

    with pytest.raises(Malformed) as malformed:
        decode(wire(EVENT), value, CodeRequested)

    assert "code_id: uuid_parsing" in str(malformed.value)
    assert "secret" not in str(malformed.value)


ANY_HEADERS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(["ce_id", "ce_type", "ce_source", "ce_time", "content-type"]), st.text()),
        st.one_of(st.none(), st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))),
    )
)


@given(headers=ANY_HEADERS, value=st.one_of(st.none(), st.binary()))
def test_no_record_breaks_the_decoder(headers: Any, value: bytes | None) -> None:
    header(dict(headers), "ce_type")
    with suppress(Malformed):
        decode([*wire(EVENT), *headers], value, CodeRequested)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "ce_id": st.one_of(st.none(), st.text()),
        "ce_source": st.one_of(st.none(), st.text()),
        "ce_type": st.one_of(st.none(), st.text()),
        "ce_time": st.one_of(st.none(), st.text(), st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)),
        "content-type": st.sampled_from([None, "application/json; charset=utf-8", "application/cloudevents+json"]),
    },
)


@given(changes=CHANGES)
def test_nothing_is_read_that_the_library_refuses(changes: dict[str, str | None]) -> None:
    """Our own reading is quicker; it must not be laxer. (An absent id the library makes up; we refuse it.)"""
    headers = dict(wire(EVENT)) | {
        name: None if text is None else text.encode("utf-8", "replace") for name, text in changes.items()
    }
    with suppress(Malformed):
        event = decode(list(headers.items()), encode(EVENT)[1], CodeRequested)
        present = {name: value for name, value in headers.items() if value is not None}
        found = from_binary(KafkaMessage(present, EVENT.key, encode(EVENT)[1]), JSONFormat(), CloudEvent)
        assert found.get_specversion() == "1.0"
        assert "ce_time" not in present or found.get_time() == event.time


def test_two_classes_of_one_type_are_refused() -> None:
    with pytest.raises(TypeError, match="two event classes"):
        type("Twin", (Event,), {"type": EVENT.type, "__module__": __name__})
