"""Codes overtake links, links overtake notices; the long form, with a hundred thousand notices, is a program."""

from pathlib import Path

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from notifier import delivering, rules
from notifier.dispatching import Dispatch
from tests.kit import Databases, Running, eventually
from tests.notifier import facts
from tests.notifier.outside import MailHost
from tests.notifier.overtaking import FILL, measure
from tests.notifier.test_delivering import HOLDER, working


async def test_codes_and_links_leave_at_once_behind_thousands_of_notices(
    databases: Databases, keys: Path, tmp_path: Path
) -> None:
    times = await measure(databases, keys, tmp_path, notices=5000, asked=5)

    assert max(times.codes) < 2
    assert max(times.links) < 4
    assert times.notices_sent < 5000, "the notices are not through yet"


async def test_slow_server_keeps_places_for_what_somebody_waits_for(notifier: Running, mail: MailHost) -> None:
    mail.after_message = "wait"
    users = [uuid7() for _ in range(20)]
    await notifier.hears(*(facts.registered(user, f"u{n}@mail.ru") for n, user in enumerate(users)))
    await notifier.hears(*(facts.linked(user) for user in users))
    dispatch: Dispatch = notifier.wired.mail

    async def notices_wait() -> bool:
        return len(mail.taken) == dispatch.at_once - dispatch.kept_free

    async def link_is_there() -> bool:
        return ["asked@mail.ru"] in mail.recipients

    async with working(notifier, notifier.service.loops):
        await eventually(notices_wait)
        await notifier.hears(facts.recovery(uuid7(), "asked@mail.ru"))
        await eventually(link_is_there)
        mail.may_answer.set()
        await facts.ended(notifier, 21)

    assert dispatch.kept_free >= 1


@pytest.mark.parametrize(("later", "rank"), [(3600, rules.NOTICE), (0, rules.LINK)])
async def test_a_hundred_thousand_queued_notices_cost_nothing_where_none_is_to_be_taken_up(
    notifier: Running, later: int, rank: int
) -> None:
    """Put off until the morning, or behind the links that are asked for: each sweep enters the index at what is due."""
    await notifier.rows(FILL, count=100_000, later=later)
    async with notifier.kernel.database.transaction() as session:
        await session.execute(text("ANALYZE notifications"))
    values = {"channel": "email", "count": 8, "rank": rank, "holder": HOLDER}
    values |= {"lease": delivering.LEASE, "margin": rules.EXPIRY_MARGIN}

    plan = await notifier.rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {delivering._TAKE_UP.text}", **values)

    (told,) = plan[0][0]
    assert told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"] < 50


async def test_what_is_taken_up_stands_in_the_order_of_its_rank(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), facts.linked(user), facts.recovery(user))

    links = await delivering.take_up(notifier.kernel.database, "email", 10, HOLDER, rules.LINK)
    rest = await delivering.take_up(notifier.kernel.database, "email", 10, HOLDER)

    assert [due.kind for due in links] == ["password_recovery"]
    assert [due.kind for due in rest] == ["account_linked"]
    assert {rules.rank(kind) for kind in rules.Kind} == {rules.CODE, rules.LINK, rules.NOTICE}
