"""From an event to the reader: once, in time, and in exactly one end."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from notifier import delivering
from notifier.main import deliver_mail, keep_place, service
from notifier.rules import Answer, Outcome
from shared.contracts.notifier import NotificationFailed, NotificationSent
from shared.service import Loop
from tests.kit import Running, eventually
from tests.notifier import facts
from tests.notifier.outside import Gateway, MailHost


def text_of(message: Any) -> str:
    return str(message.get_body(("plain",)).get_content()).replace("\u00a0", " ")


HOLDER = 1
"""The place of a worker that is not there."""


async def hurry(running: Running) -> None:
    """Make what waits for its next try, or whose worker died, due now."""
    await running.rows("UPDATE notifications SET due_at = now() WHERE status = 'queued' RETURNING 1")


async def test_code_arrives_well_within_a_second(delivering: Running, operator: Gateway) -> None:
    started = time.monotonic()
    await delivering.hears(facts.code())

    await eventually(lambda: _true(operator.requests))

    assert time.monotonic() - started < 0.7
    assert operator.requests[0]["to"] == "+79123456789"
    assert operator.texts == ["Код 12345. Никому его не говорите.\n\n@lk.example.ru #12345"]


async def _true(value: object) -> object:
    return value


async def test_repeated_event_is_one_letter(delivering: Running, mail: MailHost) -> None:
    user = uuid7()
    letter = facts.confirmation(user)
    await delivering.hears(letter)
    await facts.ended(delivering)

    await delivering.hears(letter)
    await delivering.hears(facts.recovery(user))

    await facts.ended(delivering, 2)
    assert [message["Subject"] for message in mail.taken] == ["Подтвердите адрес почты", "Новый пароль для кабинета"]
    assert f"https://lk.example.ru/c/{facts.TOKEN}" in text_of(mail.taken[0])
    assert f"https://lk.example.ru/r/{facts.TOKEN}" in text_of(mail.taken[1])
    assert mail.recipients == [["petrova@mail.ru"], ["petrova@mail.ru"]]


async def test_end_wipes_address_and_secret_and_is_told(delivering: Running) -> None:
    user = uuid7()
    await delivering.hears(facts.registered(user), facts.confirmation(user), facts.linked(user))

    rows = await facts.ended(delivering, 2)

    assert {(row.status, row.address, row.sealed, str(row.details)) for row in rows} == {("sent", None, None, "{}")}
    told = await delivering.said(NotificationSent)
    assert {event.notification_id for event in told} == {row.id for row in rows}
    assert {(event.user_id, event.kind, event.channel) for event in told} == {
        (user, "email_confirmation", "email"),
        (user, "account_linked", "email"),
    }


async def test_every_kind_of_letter_and_sms_leaves(delivering: Running, mail: MailHost, operator: Gateway) -> None:
    user, other = uuid7(), uuid7()
    await delivering.hears(facts.registered(user), facts.registered(other, email="other@mail.ru", locale="en"))
    await delivering.hears(
        facts.code(),
        facts.confirmation(user),
        facts.recovery(user),
        facts.password_changed(user),
        facts.signed_in(user),
        facts.phone_changed(user, "+79990001122", "+79123456789"),
        facts.email_changed(user, "new@mail.ru", "petrova@mail.ru"),
        facts.linked(user, [other]),
        facts.refused(user, minutes=6),
        facts.unlinked(user, "user"),
    )
    await facts.ended(delivering, 12)

    await delivering.hears(facts.erased(user, email="new@mail.ru"))
    await eventually(lambda: _true(len(mail.taken) == 11))

    assert len(operator.texts) == 2
    subjects = {
        str(message["Subject"]): recipients for message, recipients in zip(mail.taken, mail.recipients, strict=True)
    }
    assert subjects["Адрес почты изменён"] == ["petrova@mail.ru"]
    assert subjects["Счёт подключён"] == ["new@mail.ru"]
    assert subjects["Someone else linked your account"] == ["other@mail.ru"]
    assert subjects["Кабинет удалён"] == ["new@mail.ru"]
    assert await delivering.said(NotificationFailed) == []


async def test_code_that_is_nearly_expired_is_never_sent(delivering: Running, operator: Gateway) -> None:
    await delivering.hears(facts.code(seconds=29), facts.code(seconds=-5), facts.code(seconds=120, digits="54321"))

    rows = await facts.ended(delivering, 3)

    assert sorted(row.status for row in rows) == ["expired", "expired", "sent"]
    assert ["54321" in text for text in operator.texts] == [True]
    assert {event.reason for event in await delivering.said(NotificationFailed)} == {"expired"}


async def test_code_expires_while_the_gateway_is_away(delivering: Running, operator: Gateway) -> None:
    operator.behaviours = [503] * 50
    await delivering.hears(facts.code())
    await eventually(lambda: _true(len(operator.requests) >= 3))
    await eventually(lambda: delivering.rows("SELECT 1 FROM attempts WHERE outcome = 'try_later'"))

    await delivering.rows(
        "UPDATE notifications SET expires_at = now() + interval '29 seconds', due_at = now() RETURNING 1"
    )

    assert (await facts.ended(delivering))[0].status == "expired"


async def test_waiting_letter_expires_without_an_address(notifier: Running) -> None:
    await notifier.hears(facts.linked(uuid7()))
    await notifier.rows("UPDATE notifications SET expires_at = now() RETURNING 1")

    count = await delivering.expire_waiting(notifier.kernel.database)

    assert count == 1
    assert [row.status for row in await facts.notifications(notifier)] == ["expired"]
    assert [event.reason for event in await notifier.said(NotificationFailed)] == ["expired"]


async def test_refused_address_ends_as_failed_and_identity_learns_of_it(delivering: Running, mail: MailHost) -> None:
    user = uuid7()
    mail.rcpt = "550 5.1.1 no such user"

    await delivering.hears(facts.confirmation(user))

    assert (await facts.ended(delivering))[0].status == "failed"
    failed = (await delivering.said(NotificationFailed))[0]
    assert (failed.user_id, failed.kind, failed.reason) == (user, "email_confirmation", "rejected")


async def test_letter_leaves_when_the_server_comes_back(delivering: Running, mail: MailHost) -> None:
    mail.rcpt = "451 4.3.0 later"
    await delivering.hears(facts.confirmation(uuid7()))
    await eventually(
        lambda: delivering.rows("SELECT 1 FROM notifications WHERE tries = 1 AND due_at < now() + interval '1 m'")
    )

    mail.rcpt = "250 OK"
    await hurry(delivering)

    assert (await facts.ended(delivering))[0].status == "sent"
    assert len(mail.taken) == 1


async def test_security_letter_of_unknown_outcome_is_not_sent_again(delivering: Running, mail: MailHost) -> None:
    mail.after_message = "hang up"

    await delivering.hears(facts.recovery(uuid7()))

    assert (await facts.ended(delivering))[0].status == "unknown"
    assert len(mail.taken) == 1
    assert [event.reason for event in await delivering.said(NotificationFailed)] == ["unknown"]


async def test_notice_of_unknown_outcome_is_sent_twice_with_one_message_id(delivering: Running, mail: MailHost) -> None:
    mail.after_message = "hang up"
    user = uuid7()
    await delivering.hears(facts.registered(user), facts.linked(user))

    for tries in (1, 2):
        found = f"SELECT 1 FROM attempts WHERE outcome = 'unknown' HAVING count(*) = {tries}"
        await eventually(lambda sql=found: delivering.rows(sql))  # type: ignore[misc]
        await hurry(delivering)

    assert (await facts.ended(delivering))[0].status == "unknown"
    assert len(mail.taken) == 2
    assert len({message["Message-ID"] for message in mail.taken}) == 1


async def died_while_handing_over(
    running: Running, channel: Any, provider: str = "primary", repeatable: bool = True
) -> None:
    """A worker took it up, put the attempt on record, and was killed."""
    (due,) = await delivering.take_up(running.kernel.database, channel, 10, HOLDER)
    asked = (provider, repeatable) if channel == "sms" else ()
    assert await delivering.begin(running.kernel.database, due, uuid7(), *asked) is not None


async def run_until_ended(running: Running, count: int = 1) -> list[Any]:
    async with working(running, service.loops):
        return await facts.ended(running, count)


@asynccontextmanager
async def working(running: Running, loops: Sequence[Loop]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(loop(running.wired, stop)) for loop in loops]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def test_security_letter_whose_worker_died_over_it_is_unknown(notifier: Running, mail: MailHost) -> None:
    await notifier.hears(facts.recovery(uuid7()))
    await died_while_handing_over(notifier, "email")
    await hurry(notifier)

    rows = await run_until_ended(notifier)

    assert [row.status for row in rows] == ["unknown"]
    assert mail.taken == []


async def test_notice_whose_worker_died_over_it_is_sent_once_more(notifier: Running, mail: MailHost) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), facts.linked(user))
    await died_while_handing_over(notifier, "email")
    await hurry(notifier)

    rows = await run_until_ended(notifier)

    assert [row.status for row in rows] == ["sent"]
    assert len(mail.taken) == 1


async def test_code_whose_worker_died_over_it_is_the_same_sms_again(notifier: Running, operator: Gateway) -> None:
    await notifier.hears(facts.code())
    await died_while_handing_over(notifier, "sms")
    await hurry(notifier)

    rows = await run_until_ended(notifier)

    assert [row.status for row in rows] == ["sent"]
    assert [request["message_id"] for request in operator.requests] == [str(rows[0].id)]


async def test_letter_whose_worker_died_before_it_is_simply_sent(notifier: Running, mail: MailHost) -> None:
    await notifier.hears(facts.recovery(uuid7()))
    await delivering.take_up(notifier.kernel.database, "email", 10, HOLDER)
    await hurry(notifier)

    rows = await run_until_ended(notifier)

    assert [row.status for row in rows] == ["sent"]
    assert len(mail.taken) == 1


async def test_two_workers_hand_each_letter_over_once(notifier: Running, mail: MailHost) -> None:
    users = [uuid7() for _ in range(30)]
    await notifier.hears(*(facts.confirmation(user, f"u{n}@mail.ru") for n, user in enumerate(users)))

    async with working(notifier, [keep_place, deliver_mail, deliver_mail]):
        await facts.ended(notifier, 30)

    assert sorted(to for (to,) in mail.recipients) == sorted(f"u{n}@mail.ru" for n in range(30))
    assert len(await notifier.said(NotificationSent)) == 30


async def test_letter_that_lacks_a_fact_never_leaves_and_the_others_do(notifier: Running, mail: MailHost) -> None:
    user, other = uuid7(), uuid7()
    await notifier.hears(facts.registered(user), facts.linked(user))
    await notifier.rows("UPDATE notifications SET details = '{}' RETURNING 1")
    await notifier.hears(facts.registered(other, "other@mail.ru"), facts.linked(other))

    with capture_logs() as said:
        rows = await run_until_ended(notifier)

    assert [(row.user_id, row.status) for row in rows] == [(other, "sent")]
    assert mail.recipients == [["other@mail.ru"]]
    assert [one["cause"] for one in said if one["event"] == "delivery_failed"] == ["KeyError"]


async def test_worker_that_lost_its_lease_hands_nothing_over_and_ends_nothing(notifier: Running) -> None:
    await notifier.hears(facts.confirmation(uuid7()))
    (due,) = await delivering.take_up(notifier.kernel.database, "email", 10, HOLDER)
    await notifier.rows("UPDATE notifications SET due_at = due_at + interval '1 minute' RETURNING 1")

    leave = await delivering.begin(notifier.kernel.database, due, uuid7())
    await delivering.write_down(notifier.kernel.database, due, None, Answer(Outcome.ACCEPTED))

    assert leave is None
    assert [row.status for row in await facts.notifications(notifier)] == ["queued"]
    assert await notifier.said(NotificationSent) == []


async def test_links_and_codes_leave_before_notices(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), facts.linked(user), facts.password_changed(user), facts.recovery(user))

    (first,) = await delivering.take_up(notifier.kernel.database, "email", 1, HOLDER)

    assert first.kind == "password_recovery"


async def test_erased_while_it_is_on_its_way_ends_quietly(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), facts.linked(user))
    (due,) = await delivering.take_up(notifier.kernel.database, "email", 1, HOLDER)
    await notifier.hears(facts.erased(user, email=None))

    await delivering.write_down(notifier.kernel.database, due, None, Answer(Outcome.ACCEPTED))

    assert await facts.notifications(notifier) == []
    assert await notifier.said(NotificationSent) == []


async def test_stopping_waits_for_what_is_on_its_way(notifier: Running, mail: MailHost) -> None:
    mail.after_message = "stall"
    await notifier.hears(facts.recovery(uuid7()))

    async with asyncio.timeout(8), working(notifier, [keep_place, deliver_mail]):
        await eventually(lambda: _true(mail.taken))

    open_attempts = await notifier.rows("SELECT 1 FROM attempts WHERE outcome IS NULL")
    assert len(open_attempts) == 1


def test_lease_outlasts_the_door_and_the_writing_down() -> None:
    from notifier.smtp import MailServer

    door = MailServer("h", 25, "none")
    longest = door.step_seconds * 3 + door.taking_seconds + 2 + delivering.WRITE_DOWN_SECONDS

    assert timedelta(seconds=longest) < delivering.LEASE


@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_code_is_told_in_the_language_it_was_asked_in(
    delivering: Running, operator: Gateway, locale: str
) -> None:
    await delivering.hears(facts.code(locale=locale))

    await facts.ended(delivering)
    assert ("Kabinet code" in operator.texts[0]) == (locale == "en")
