"""The outbox: an event is a row of its transaction, said by its owner alone, sealed for the notifier alone."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel
from uuid_utils.compat import uuid7

from shared import context
from shared.contracts.notifier import UserDataErased
from shared.keys import PrivateKeys
from shared.outbox import MAX_BYTES, NotOurs, TooLarge, WronglySealed, backlog, publish
from shared.sealed import open_sealed
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk


class Secrets(BaseModel):
    word: str


@pytest.fixture
async def quiet(desk_of: OpenDesk) -> Desk:
    """A desk without a broker."""
    return await desk_of("")


async def test_event_of_another_service_is_refused(quiet: Desk) -> None:
    async with quiet.database.transaction() as session:
        with pytest.raises(NotOurs):
            publish(session, UserDataErased(user_id=uuid7()))


async def test_event_that_no_broker_takes_is_refused_before_it_is_said(quiet: Desk) -> None:
    async with quiet.database.transaction() as session:
        with pytest.raises(TooLarge):
            publish(session, quiet.noted(name="a", n=1, text="x" * MAX_BYTES))

    assert await quiet.unsent() == 0


async def test_ids_follow_the_order_in_which_events_were_said(quiet: Desk) -> None:
    await quiet.say(*(("a", n) for n in range(300)))

    rows = await quiet.rows("SELECT convert_from(value, 'UTF8') FROM outbox ORDER BY id")

    assert [json.loads(value)["n"] for (value,) in rows] == list(range(300))


async def test_secrets_are_sealed_in_the_row(quiet: Desk, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet.noted, "secrets", Secrets)
    said = quiet.noted(name="a", n=1)
    async with quiet.database.transaction() as session:
        publish(session, said, sealed=Secrets(word="canary"))

    [(value,)] = await quiet.rows("SELECT value FROM outbox")
    assert b"canary" not in value
    heard = said.model_copy(update={"sealed": json.loads(value)["sealed"]})
    assert open_sealed(heard, Secrets, PrivateKeys(keys / "notifier.private.jwks.json")) == Secrets(word="canary")


async def test_other_secrets_than_the_events_own_are_refused(quiet: Desk) -> None:
    with pytest.raises(WronglySealed):
        async with quiet.database.transaction() as session:
            publish(session, quiet.noted(name="a", n=1), sealed=Secrets(word="canary"))

    assert await quiet.rows("SELECT 1 FROM outbox") == []


async def test_event_carries_the_trace_of_its_request(quiet: Desk) -> None:
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    token = context.traceparent.set(trace)
    await quiet.say(("a", 1))
    context.traceparent.reset(token)
    await quiet.say(("a", 2))

    found = await quiet.rows("SELECT headers->>'ce_traceparent' FROM outbox ORDER BY id")

    assert found == [(trace,), (None,)]


async def test_backlog_tells_what_waits_and_what_never_can_be_sent(quiet: Desk) -> None:
    await quiet.say(("a", 1), ("b", 2), ("c", 3), ("d", 4))
    await quiet.rows("UPDATE outbox SET refused_at = now(), refusal = 'x' WHERE key = 'a' RETURNING 1")
    await quiet.rows("UPDATE outbox SET sent_at = now() WHERE key = 'b' RETURNING 1")

    async with quiet.database.transaction() as session:
        assert await backlog(session) == (2, 1)


async def test_backlog_is_counted_without_reading_what_was_sent(quiet: Desk) -> None:
    """A week of sent rows must not be read at every scrape."""
    await quiet.rows(
        "INSERT INTO outbox (event_id, topic, key, headers, value, sent_at)"
        " SELECT gen_random_uuid(), 't', 'k', '{}', '', now() FROM generate_series(1, 3000) RETURNING 1"
    )
    connection = await quiet.database.connect()
    await connection.execute("VACUUM ANALYZE outbox")
    plans = [
        str(await connection.fetch(f"EXPLAIN SELECT count(*) FROM outbox WHERE {condition}"))
        for condition in ("sent_at IS NULL AND refused_at IS NULL", "refused_at IS NOT NULL AND sent_at IS NULL")
    ]
    await connection.close()

    assert all("Seq Scan" not in plan for plan in plans)
