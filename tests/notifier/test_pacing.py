"""Notices take turns at a mail domain and rest by night; what somebody waits for does neither."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from notifier import rules
from notifier.pacing import Pace, Quiet, Turns
from notifier.rules import Kind
from notifier.writing import Due
from tests.kit import Running, eventually
from tests.notifier import facts
from tests.notifier.conftest import Open
from tests.notifier.outside import Gateway, MailHost
from tests.notifier.test_delivering import working
from tests.notifier.test_places import another_worker
from tests.notifier.test_places import working as at_work

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def due(kind: Kind = Kind.ACCOUNT_LINKED, domain: str = "mail.ru") -> Due:
    return Due(
        id=uuid7(),
        event_id=uuid7(),
        user_id=None,
        kind=kind,
        channel="email",
        locale="ru",
        rank=rules.rank(kind),
        address=None,
        sealed=None,
        details={},
        created_at=NOW,
        lease=NOW,
        tries=1,
        handings=0,
        domain=domain,
        late=False,
        open_attempt=None,
    )


def seconds(waits: dict[Any, timedelta], letters: list[Due]) -> list[float]:
    return [waits.get(one.id, timedelta()).total_seconds() for one in letters]


async def test_notices_to_one_domain_take_turns_and_other_domains_do_not_wait(notifier: Running) -> None:
    pace = Pace(notifier.kernel.database, a_minute=60, burst=3)
    notices, elsewhere = [due() for _ in range(6)], due(domain="yandex.ru")

    waits = await pace.waits([*notices, elsewhere])

    assert sorted(seconds(waits, notices)) == [0, 0, 0, 1, 2, 3]
    assert elsewhere.id not in waits


async def test_turns_are_given_out_over_all_workers(notifier: Running) -> None:
    first, second = (Pace(notifier.kernel.database, a_minute=1, burst=1) for _ in range(2))
    letters = [due() for _ in range(3)]

    waits = [(await pace.waits([one])).get(one.id) for pace, one in zip((first, second, first), letters, strict=True)]

    assert waits[0] is None
    assert [round(wait / timedelta(minutes=1), 1) for wait in waits[1:] if wait] == [1.0, 2.0]


async def test_letter_that_comes_back_for_its_turn_takes_no_other(notifier: Running) -> None:
    pace = Pace(notifier.kernel.database, a_minute=1, burst=1)
    await pace.waits([due()])

    assert await pace.waits([replace(due(), has_turn=True)]) == {}
    assert len(await pace.waits([due()])) == 1


async def test_link_goes_at_once_and_the_notices_behind_it_wait_for_it(notifier: Running) -> None:
    pace = Pace(notifier.kernel.database, a_minute=60, burst=1)
    letters = [due(kind) for kind in (Kind.ACCOUNT_LINKED,) + (Kind.PASSWORD_RECOVERY,) * 3]

    assert seconds(await pace.waits(letters), letters) == [3, 0, 0, 0]


async def test_no_limit_is_no_wait_and_no_turn(notifier: Running) -> None:
    assert await Pace(notifier.kernel.database).waits([due() for _ in range(1000)]) == {}
    assert await Turns(notifier.kernel.database).take("primary", 0) == 0
    assert await notifier.rows("SELECT 1 FROM turns") == []


async def test_turn_at_a_provider_is_soon_or_none_is_taken(notifier: Running) -> None:
    turns = Turns(notifier.kernel.database)

    waits = [await turns.take("primary", 1) for _ in range(8)]

    taken = [wait for wait in waits if wait is not None]
    assert taken[0] == 0
    assert taken == sorted(taken)
    assert waits[len(taken) :] == [None] * (8 - len(taken))
    assert 2 <= len(taken) <= 4, "as many as the seconds it may wait, and the first"


async def started(running: Running) -> list[float]:
    rows = await running.rows("SELECT extract(epoch FROM started_at)::float8 AS at FROM attempts ORDER BY started_at")
    return [row.at for row in rows]


async def test_two_workers_keep_a_domains_pace_together(open_notifier: Open, mail: MailHost) -> None:
    running = await open_notifier(notices_per_domain_minute=120)
    users = [uuid7() for _ in range(16)]
    await running.hears(*(facts.registered(user, f"u{n}@mail.ru") for n, user in enumerate(users)))
    await running.hears(*(facts.linked(user) for user in users))

    async with at_work(running.wired), at_work(another_worker(running)):
        await eventually(lambda: facts.now_ended(running, 16), 20)

    times = await started(running)
    assert len(mail.taken) == 16
    for n, first in enumerate(times):
        assert len([at for at in times[n:] if at - first < 1]) <= 10 + 2 + 1, "burst, and 1 s of turns"
    assert times[-1] - times[0] > (16 - 10) / 2 - 0.3


async def test_two_workers_keep_a_providers_rate_together_and_use_it_up(open_notifier: Open, operator: Gateway) -> None:
    running = await open_notifier(sms_per_second=10)
    await running.hears(*(facts.code(phone=f"+79123{n:06}") for n in range(30)))

    async with at_work(running.wired), at_work(another_worker(running)):
        await eventually(lambda: facts.now_ended(running, 30), 20)

    times = await started(running)
    assert len(operator.texts) == 30
    assert max(len([at for at in times[n:] if at - first < 1]) for n, first in enumerate(times)) <= 10 + 2
    assert 2.5 < times[-1] - times[0] < 8


MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("clock", "hours"), [("21:59", 0), ("22:00", 10), ("23:00", 9), ("00:00", 8), ("07:00", 1), ("08:00", 0)]
)
def test_quiet_hours_go_over_midnight(clock: str, hours: int) -> None:
    now = datetime.combine(NOW.date(), time.fromisoformat(clock), MOSCOW)

    rest = Quiet(time(22), time(8), MOSCOW, now=lambda: now.astimezone(UTC)).rest()

    assert rest == timedelta(hours=hours)


@given(st.times(), st.times(), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_rest_of_quiet_ends_where_it_says(begins: time, ends: time, now: datetime) -> None:
    begins, ends = begins.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0)
    moment = now.replace(tzinfo=MOSCOW)

    rest = rules.rest_of_quiet(moment, begins, ends)

    assert timedelta() <= rest <= timedelta(days=1)
    if rest:
        assert (moment + rest).time() == ends
        assert rules.rest_of_quiet(moment + rest, begins, ends) == timedelta()


async def test_by_night_a_notice_waits_and_news_of_a_stranger_and_links_do_not(
    notifier: Running, mail: MailHost
) -> None:
    user = uuid7()
    night = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)
    notifier.wired.mail.quiet = Quiet(time(22), time(8), MOSCOW, now=lambda: night)
    await notifier.hears(facts.registered(user))
    await notifier.hears(facts.linked(user), facts.password_changed(user), facts.recovery(user))

    async with working(notifier, notifier.service.loops):
        await facts.ended(notifier, 2)
        put_off = "SELECT kind FROM notifications WHERE due_at > now() + interval '4 h' AND held_by IS NULL"
        resting = await eventually(lambda: notifier.rows(put_off))

    assert [row.kind for row in resting] == ["account_linked"]
    assert len(mail.taken) == 2
