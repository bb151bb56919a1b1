"""What the notifier tells of what waits, of what became of it, and to which trace it belongs."""

from prometheus_client import REGISTRY
from pydantic import BaseModel
from uuid_utils.compat import uuid7

from notifier import watching
from notifier.main import service
from notifier.reactions import HEARD
from shared.contracts.notifier import NotificationSent
from shared.events import Event, encode
from shared.inbox import Record, handle, hearing
from shared.sealed import seal
from tests.kit import Running, eventually
from tests.notifier import facts
from tests.notifier.test_delivering import working

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


def told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"kabinet_{name}", labels) or 0


async def test_what_waits_is_told_by_channel_and_class(notifier: Running) -> None:
    await notifier.hears(facts.code(), facts.code(), facts.recovery(uuid7()), facts.linked(uuid7()))
    await notifier.rows(
        "UPDATE notifications SET due_at = now() - interval '50 seconds' WHERE channel = 'sms' RETURNING 1"
    )

    await watching.measure(notifier.wired)

    waiting = {
        (channel, kind): told("notifications_waiting", channel=channel, **{"class": kind})
        for channel in ("email", "sms")
        for kind in ("code", "link", "notice")
    }
    assert {name: count for name, count in waiting.items() if count} == {("sms", "code"): 2, ("email", "link"): 1}
    assert 50 <= told("notifications_overdue_seconds", channel="sms", **{"class": "code"}) < 80
    assert told("notifications_overdue_seconds", channel="sms", **{"class": "notice"}) == 0
    assert told("notifications_without_address") == 1


async def test_what_is_put_off_is_not_overdue(notifier: Running) -> None:
    await notifier.hears(facts.recovery(uuid7()))
    await notifier.rows("UPDATE notifications SET due_at = now() + interval '1 hour' RETURNING 1")

    await watching.measure(notifier.wired)

    assert told("notifications_overdue_seconds", channel="email", **{"class": "link"}) == 0
    assert told("notifications_waiting", channel="email", **{"class": "link"}) == 1


async def test_an_end_is_counted_once_with_the_time_that_it_took(notifier: Running) -> None:
    ended = {"kind": "registration_code", "channel": "sms", "status": "sent"}
    of_codes = {"channel": "sms", "class": "code"}
    before = told("notifications_ended_total", **ended), told("hand_over_seconds_count", **of_codes)
    attempts = told("hand_overs_total", channel="sms", outcome="accepted")

    await notifier.hears(facts.code())
    async with working(notifier, service.loops):
        await eventually(lambda: notifier.said(NotificationSent))

    assert told("notifications_ended_total", **ended) == before[0] + 1
    assert told("hand_over_seconds_count", **of_codes) == before[1] + 1
    assert told("hand_overs_total", channel="sms", outcome="accepted") == attempts + 1


async def hears_traced(notifier: Running, event: Event, secrets: BaseModel) -> None:
    headers, value = encode(event, seal(event, secrets, notifier.kernel.public_keys), TRACE)
    raw = [(name, item.encode()) for name, item in headers.items()]
    record = Record(event.topic, 0, 0, event.key, event.type, event.id, raw, value)
    async with notifier.kernel.database.transaction() as session:
        await handle(session, [record], hearing(HEARD), notifier.wired)


async def test_what_is_said_of_a_message_belongs_to_the_trace_of_what_asked_for_it(notifier: Running) -> None:
    await hears_traced(notifier, *facts.code())
    row = (await facts.notifications(notifier))[0]

    async with working(notifier, service.loops):
        await eventually(lambda: notifier.said(NotificationSent))

    [(said,)] = await notifier.rows("SELECT headers->>'ce_traceparent' FROM outbox")
    assert (row.traceparent, said) == (TRACE, TRACE)
