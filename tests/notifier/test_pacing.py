"""Notices take turns at a mail domain and rest by night; what somebody waits for does neither."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from notifier import rules
from notifier.pacing import Pace, Quiet
from notifier.rules import Kind
from notifier.writing import Due
from tests.kit import Running, eventually
from tests.notifier import facts
from tests.notifier.outside import MailHost
from tests.notifier.test_delivering import working

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


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_notices_to_one_domain_take_turns_and_other_domains_do_not_wait() -> None:
    clock = Clock()
    pace = Pace(a_minute=60, burst=3, now=clock)
    notices = [due() for _ in range(6)]

    waits = [pace.wait(one).total_seconds() for one in notices]

    assert waits == [0, 0, 0, 1, 2, 3]
    assert pace.wait(due(domain="yandex.ru")) == timedelta()
    clock.now += 1
    assert pace.wait(notices[3]) == timedelta(), "its turn has come"
    assert pace.wait(notices[4]).total_seconds() == 1, "its turn is kept"


def test_link_goes_at_once_and_the_notices_behind_it_wait_for_it() -> None:
    pace = Pace(a_minute=60, burst=1, now=Clock())

    waits = [pace.wait(due(kind)).total_seconds() for kind in (Kind.PASSWORD_RECOVERY,) * 3 + (Kind.ACCOUNT_LINKED,)]

    assert waits == [0, 0, 0, 3]


def test_no_limit_is_no_wait() -> None:
    pace = Pace()

    assert {pace.wait(due()) for _ in range(1000)} == {timedelta()}


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
