"""The outbox: an event is a row of its transaction, said by its owner alone, sealed for the notifier alone."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import BaseModel
from uuid_utils.compat import uuid7

from shared import context, outbox
from shared.contracts.notifier import UserDataErased
from shared.keys import PrivateKeys
from shared.outbox import MAX_BYTES, NotOurs, TooLarge, WronglySealed, backlog, publish
from shared.sealed import open_sealed
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk
from tests.shared.test_relay import all_sent, unsent_is


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


async def refuse(desk: Desk, *keys: str) -> None:
    """As the relay does with the first row of a key that the broker will not have."""
    await desk.rows(
        "UPDATE outbox SET refused_at = now(), refusal = 'MessageSizeTooLargeError' WHERE id IN"
        " (SELECT min(id) FROM outbox WHERE sent_at IS NULL AND key = ANY(:keys) GROUP BY key) RETURNING 1",
        keys=list(keys),
    )


async def refused(desk: Desk) -> list[outbox.Refused]:
    async with desk.database.transaction() as session:
        return await outbox.refused(session, 100)


async def test_refused_rows_are_listed_with_what_waits_behind_them(quiet: Desk) -> None:
    await quiet.say(("a", 1), ("b", 2), ("a", 3), ("a", 4), ("c", 5))
    await refuse(quiet, "a", "b")

    found = await refused(quiet)

    assert [(one.key, one.type, one.refusal, one.behind) for one in found] == [
        ("a", quiet.noted.type, "MessageSizeTooLargeError", 2),
        ("b", quiet.noted.type, "MessageSizeTooLargeError", 0),
    ]


async def test_released_row_goes_out_before_what_waited_behind_it(desk_of: OpenDesk, kafka: str) -> None:
    desk = await desk_of(kafka, partitions=1, max_message_bytes="100000")
    await desk.say(("big", 1), text="x" * 200_000)
    await desk.say(("big", 2), ("small", 3), ("big", 4))
    async with desk.relaying():
        await eventually(lambda: unsent_is(desk, 3))
        await raise_limit(desk, 1_000_000)
        await desk.say(("big", 5))
        [row] = await refused(desk)

        async with desk.database.transaction() as session:
            assert await outbox.release(session, row.id) == 1

        await eventually(lambda: all_sent(desk))
    assert await desk.sent(5) == [("small", 3), ("big", 1), ("big", 2), ("big", 4), ("big", 5)]


async def raise_limit(desk: Desk, max_bytes: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=desk.kafka)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, desk.topic, {"max.message.bytes": str(max_bytes)})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def test_released_row_that_is_still_too_large_is_refused_again(desk_of: OpenDesk, kafka: str) -> None:
    desk = await desk_of(kafka, partitions=1, max_message_bytes="100000")
    await desk.say(("big", 1), text="x" * 200_000)
    await desk.say(("big", 2))

    async def refused_one() -> list[outbox.Refused]:
        return await refused(desk)

    async with desk.relaying():
        [first] = await eventually(refused_one)
        async with desk.database.transaction() as session:
            assert await outbox.release(session) == 1
        [again] = await eventually(refused_one)

    assert (again.id, again.refused_at > first.refused_at, await desk.unsent()) == (first.id, True, 2)


async def test_given_up_event_is_kept_with_its_reason_and_the_others_go_on(desk: Desk) -> None:
    await desk.say(("a", 1), ("a", 2), ("b", 3))
    await refuse(desk, "a")
    [row] = await refused(desk)

    async with desk.database.transaction() as session:
        assert await outbox.give_up(session, row.id, "a test of ours", "ivanova") == 1
        assert await outbox.give_up(session, row.id, "a test of ours", "ivanova") == 0

    async with desk.relaying():
        await eventually(lambda: all_sent(desk))
    assert sorted(await desk.sent(2)) == [("a", 2), ("b", 3)]
    assert await desk.rows("SELECT key, reason, dropped_by FROM dropped_events") == [("a", "a test of ours", "ivanova")]


async def test_only_refused_rows_are_released_or_given_up(quiet: Desk) -> None:
    await quiet.say(("unsent", 1), ("sent", 2))
    await quiet.rows("UPDATE outbox SET sent_at = now() WHERE key = 'sent' RETURNING 1")
    ids = [row_id for (row_id,) in await quiet.rows("SELECT id FROM outbox ORDER BY id")]

    async with quiet.database.transaction() as session:
        assert [await outbox.release(session, row_id) for row_id in ids] == [0, 0]
        assert [await outbox.give_up(session, row_id, "no", "x") for row_id in ids] == [0, 0]

    assert await quiet.value("SELECT count(*) FROM outbox") == 2


async def test_resending_in_batches_takes_all_since_then_at_once(quiet: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that saw a part of it would send new events of a key before its older ones."""
    monkeypatch.setattr(outbox, "RESEND_ROWS", 7)
    await quiet.say(*(("a", n) for n in range(40)))
    await quiet.rows("UPDATE outbox SET sent_at = now() - make_interval(mins => 100 - CAST(id AS int)) RETURNING 1")
    since: datetime = await quiet.value("SELECT sent_at FROM outbox ORDER BY id OFFSET 10 LIMIT 1")
    batches: list[tuple[int, int]] = []

    class Interrupted(Exception):
        pass

    def moved(count: int, total: int) -> None:
        batches.append((count, total))
        if len(batches) == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        await outbox.resend(quiet.database, since, moved)
    assert await quiet.unsent() == 0, "nothing of what is not committed is seen"

    assert await outbox.resend(quiet.database, since, lambda count, total: batches.append((count, total))) == 30
    assert batches[3:] == [(7, 30)] * 4 + [(2, 30)]
    assert await quiet.unsent() == 30


async def test_resending_when_nothing_was_sent_is_no_error(quiet: Desk) -> None:
    await quiet.say(("a", 1))

    assert await outbox.resend(quiet.database, await quiet.value("SELECT now()")) == 0
