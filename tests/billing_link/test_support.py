"""`billing-link links …` and `billing-link restate`: what support can do, and what is kept of it."""

import asyncio
import signal
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from billing_link import restating, support
from billing_link.restating import restate
from shared.complaints import CannotGoOn
from shared.contracts.billing import AccountClosed
from shared.contracts.billing_link import AccountLinked, AccountUnlinked, LinkStated
from shared.contracts.identity import UserErased
from shared.mandate import Mandate
from tests.kit import eventually

from .conftest import NUMBER, TODAY, House, opened, said_by

WHY = Mandate("support-7", "she showed her contract")
WHY_OPTIONS = ("--by", WHY.by, "--reason", WHY.reason)


async def acts(house: House) -> list[tuple[str, str, str]]:
    rows = await house.running.rows("SELECT act, done_by, reason FROM link_acts ORDER BY id")
    return [tuple(row) for row in rows]


async def grant(house: House, user: UUID, number: str = NUMBER) -> UUID:
    async with house.running.kernel.database.transaction() as session:
        return await support.grant(session, number, user, WHY, house.settings.time_zone)


async def restore(house: House, link_id: UUID) -> UUID:
    async with house.running.kernel.database.transaction() as session:
        return await support.restore(session, link_id, WHY, house.settings.time_zone)


async def end(house: House, link_id: UUID) -> None:
    async with house.running.kernel.database.transaction() as session:
        await support.end(session, link_id, WHY)


async def linked(house: House, user: UUID) -> UUID:
    await house.ask_and_work(user)
    link_id: UUID = (await house.said(AccountLinked))[-1].link_id
    return link_id


async def hold(house: House, links: int) -> None:
    """So many accounts, each with one holder."""
    await house.change(
        "INSERT INTO links (id, user_id, account_number, origin, alias, evidence_on)"
        " SELECT gen_random_uuid(), gen_random_uuid(), 70000000 + n, 'amount', '', current_date"
        f" FROM generate_series(1, {links}) AS n"
    )


async def test_commands_act_and_answer_in_one_line(known: House) -> None:
    user = uuid4()

    granted = await said_by(known, "links", "grant", NUMBER, str(user), *WHY_OPTIONS)
    [link] = await known.said(AccountLinked)
    ended = await said_by(known, "links", "end", str(link.link_id), *WHY_OPTIONS)
    restored = await said_by(known, "links", "restore", str(link.link_id), *WHY_OPTIONS)
    listed = await said_by(known, "links", "list", NUMBER, *WHY_OPTIONS)
    restated = await said_by(known, "restate")

    again = (await known.said(AccountLinked))[1]
    assert granted == (0, f"linked: {link.link_id}\n")
    assert ended == (0, f"ended: {link.link_id}\n")
    assert restored == (0, f"linked again: {again.link_id}\n")
    assert listed[0] == 0, listed[1]
    told = (str(link.link_id), str(again.link_id), str(user), f"restore by {WHY.by}: {WHY.reason}")
    assert [word for word in told if word not in listed[1]] == []
    assert restated == (0, "stated: 1\n")
    assert await acts(known) == [(act, WHY.by, WHY.reason) for act in ("grant", "end", "restore", "list")]


async def test_command_without_a_reason_or_about_nothing_is_refused(known: House) -> None:
    without_reason = await said_by(known, "links", "end", str(uuid4()), "--by", "support-7")
    nobody = await said_by(known, "links", "end", str(uuid4()), *WHY_OPTIONS)
    unreadable = await said_by(known, "links", "list", "12", *WHY_OPTIONS)

    assert (without_reason[0], nobody[0], unreadable[0]) == (2, 2, 2)
    assert "There is no link of this id" in nobody[1]
    assert await acts(known) == []


async def test_owner_who_was_locked_out_by_guessers_is_let_in_by_support(known: House) -> None:
    owner = uuid4()
    for _ in range(5):
        await known.ask_and_work(uuid4(), amount="1.00")
    assert (await known.ask_and_work(owner))["refusal"] == "not-confirmed"

    await grant(known, owner)

    [account] = await known.accounts(owner)
    assert account["origin"] == "support"
    assert [(event.user_id, event.origin) for event in await known.said(AccountLinked)] == [(owner, "support")]


async def test_granted_link_tells_the_other_holders(known: House) -> None:
    first, second = uuid4(), uuid4()
    await known.ask_and_work(first)

    await grant(known, second)

    assert (await known.said(AccountLinked))[-1].other_holders == [first]


async def test_what_cannot_be_granted_is_refused_and_leaves_no_act(known: House) -> None:
    holder, erased = uuid4(), uuid4()
    await known.ask_and_work(holder)
    await known.hear(UserErased(user_id=erased), opened("11111111"))
    await known.hear(AccountClosed(account_number="11111111", closed_on=TODAY))

    for user, number in ((holder, NUMBER), (erased, NUMBER), (uuid4(), "11111111"), (uuid4(), "99999999")):
        with pytest.raises(CannotGoOn):
            await grant(known, user, number)

    assert await acts(known) == []
    assert len(await known.said(AccountLinked)) == 1


async def test_link_that_support_ended_can_be_asked_for_again(known: House) -> None:
    user = uuid4()
    link = await linked(known, user)

    await end(known, link)

    [unlinked] = await known.said(AccountUnlinked)
    assert (unlinked.link_id, unlinked.reason) == (link, "support")
    with pytest.raises(CannotGoOn, match="ended already"):
        await end(known, link)
    assert (await known.ask_and_work(user))["status"] == "linked"


async def test_restored_hold_lifts_the_objection_and_cannot_be_objected_to(known: House) -> None:
    elder, younger = uuid4(), uuid4()
    await known.ask_and_work(elder)
    link = await linked(known, younger)
    path = f"/v1/accounts/{NUMBER}/holders"
    await known.call("DELETE", f"{path}/{link}", elder)

    made = await restore(known, link)

    assert (await known.call("DELETE", f"{path}/{made}", elder)).status_code == 403
    assert [account["origin"] for account in await known.accounts(younger)] == ["support"]
    assert await known.count("objections") == 0
    with pytest.raises(CannotGoOn, match="already"):
        await restore(known, link)


async def test_hold_of_an_earlier_contract_is_not_restored(known: House) -> None:
    user = uuid4()
    link = await linked(known, user)
    await known.hear(opened(opened_on=TODAY - timedelta(days=1)))

    with pytest.raises(CannotGoOn, match="new contract"):
        await restore(known, link)

    assert await known.accounts(user) == []


async def test_hold_that_has_not_ended_or_whose_user_was_erased_is_not_restored(known: House) -> None:
    user = uuid4()
    link = await linked(known, user)

    with pytest.raises(CannotGoOn, match="has not ended"):
        await restore(known, link)
    await known.hear(UserErased(user_id=user))
    with pytest.raises(CannotGoOn, match="erased"):
        await restore(known, link)


async def test_grants_at_once_make_one_link(known: House) -> None:
    user = uuid4()

    answers = await asyncio.gather(*(grant(known, user) for _ in range(5)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["CannotGoOn"] * 4 + ["UUID"]
    assert len(await known.said(AccountLinked)) == 1


async def test_every_active_link_is_stated_and_no_other(known: House) -> None:
    first, second = uuid4(), uuid4()
    await known.ask_and_work(first)
    await known.ask_and_work(second)
    await known.call("DELETE", f"/v1/accounts/{NUMBER}", first)
    told: list[tuple[int, int]] = []

    count = await restate(known.running.kernel.database, lambda *progress: told.append(progress))

    [stated] = await known.said(LinkStated)
    link = (await known.said(AccountLinked))[1]
    assert (count, told) == (1, [(1, 1)])
    assert (stated.link_id, stated.user_id, stated.account_number) == (link.link_id, second, NUMBER)
    assert (stated.origin, stated.linked_at) == ("amount", link.linked_at)


async def test_many_links_are_stated_batch_by_batch(house: House) -> None:
    links = restating.BATCH_LINKS * 2 + 1
    await hold(house, links)
    told: list[int] = []

    count = await restate(house.running.kernel.database, lambda moved, _of: told.append(moved))

    assert (count, told) == (links, [restating.BATCH_LINKS, restating.BATCH_LINKS, 1])
    assert len({event.link_id for event in await house.said(LinkStated)}) == links


async def test_link_that_ends_before_its_turn_is_not_stated(known: House) -> None:
    link = await linked(known, uuid4())
    database = known.running.kernel.database
    waiting = "datname = current_database() AND wait_event_type = 'Lock'"

    async with database.transaction() as session:
        await support.end(session, link, WHY)
        stating = asyncio.create_task(restate(database))
        await eventually(lambda: known.count("pg_stat_activity", waiting))

    assert await stating == 0
    assert await known.said(LinkStated) == []


async def test_stating_that_was_killed_and_ran_again_states_every_link(house: House) -> None:
    links = restating.BATCH_LINKS + 1
    await hold(house, links)

    killed = await said_by(house, "restate", fail_points="database.committed=kill@3")
    stated_first = len(await house.said(LinkStated))
    again = await said_by(house, "restate")

    stated = await house.said(LinkStated)
    assert (killed[0], stated_first) == (-signal.SIGKILL, restating.BATCH_LINKS)
    assert again == (0, f"stated: {links}\n")
    assert len({event.link_id for event in stated}) == links
