"""A database set back to before: nobody sees an account again that was taken from them, nobody loses one."""

from collections.abc import AsyncIterator
from uuid import uuid4

from billing_link.catching_up import CaughtUp, catch_up
from shared.contracts.billing_link import AccountLinked, AccountUnlinked, LinkStated
from shared.contracts.identity import UserErased
from shared.events import Event
from shared.said import Said
from tests.billing_link.conftest import NUMBER, House, opened, paid, said_by
from tests.billing_link.test_holders import object_to, two
from tests.kit import problem


async def topic(*events: Event) -> AsyncIterator[list[Said]]:
    """All of them of the lost time, one per batch."""
    for event in events:
        yield [Said(event, forgotten=True)]


async def caught_up(house: House, *events: Event) -> CaughtUp:
    return await catch_up(topic(*events), house.running.kernel.database, house.settings)


async def set_back(house: House) -> list[Event]:
    """What was said of links; afterwards no link, request or word of it is in the database."""
    lost: list[Event] = [one for one in await house.running.said() if isinstance(one, AccountLinked | AccountUnlinked)]
    for table in ("links", "link_requests", "objections", "outbox"):
        await house.change(f"DELETE FROM {table}")
    return lost


async def test_link_of_the_lost_time_is_there_again_as_it_was_and_is_only_stated(known: House) -> None:
    user = uuid4()
    await known.ask_and_work(user)
    before = await known.accounts(user)
    lost = await set_back(known)

    done = await caught_up(known, *lost)

    assert done == CaughtUp(linked=1, ended=0)
    assert await known.accounts(user) == before
    assert [type(one) for one in await known.running.said()] == [LinkStated]


async def test_link_that_ended_in_the_lost_time_ends_again(known: House) -> None:
    user = uuid4()
    await known.ask_and_work(user)
    [made] = await known.said(AccountLinked)
    gone = AccountUnlinked(link_id=made.link_id, user_id=user, account_number=NUMBER, reason="user")

    done = await caught_up(known, gone)

    assert done == CaughtUp(linked=0, ended=1)
    assert await known.accounts(user) == []


async def test_link_that_was_made_and_ended_in_the_lost_time_is_not_there(known: House) -> None:
    user = uuid4()
    await known.ask_and_work(user)
    await known.call("DELETE", f"/v1/accounts/{NUMBER}", user)
    lost = await set_back(known)

    await caught_up(known, *lost)

    assert await known.accounts(user) == []


async def test_objection_of_the_lost_time_still_refuses_its_user(known: House) -> None:
    first, second, _elder, younger = await two(known)
    assert await object_to(known, first, younger) == (204, "")
    lost = await set_back(known)

    await caught_up(known, *lost)

    assert [one["account_number"] for one in await known.accounts(first)] == [NUMBER]
    assert await known.accounts(second) == []
    assert (await known.ask_and_work(second))["refusal"] == "not-confirmed"


async def test_catching_up_twice_is_catching_up_once(known: House) -> None:
    await known.ask_and_work(uuid4())
    lost = await set_back(known)
    await caught_up(known, *lost)

    assert await caught_up(known, *lost) == CaughtUp(0, 0)


async def test_erased_user_is_not_linked_again(known: House) -> None:
    user = uuid4()
    await known.ask_and_work(user)
    lost = await set_back(known)
    await known.hear(UserErased(user_id=user))

    assert await caught_up(known, *lost) == CaughtUp(0, 0)


async def test_new_contract_ends_a_link_that_was_made_again(known: House) -> None:
    user = uuid4()
    await known.ask_and_work(user)
    lost = await set_back(known)
    await caught_up(known, *lost)

    await known.hear(opened(opened_on=(await known.running.rows("SELECT current_date + 1"))[0][0]), paid())

    assert await known.accounts(user) == []


async def test_moment_that_the_outbox_may_have_forgotten_is_refused(known: House) -> None:
    code, said = await said_by(known, "catch-up", "--since", "2026-01-01T00:00:00")

    assert (code, said.partition("--since")[0]) == (
        2,
        "Older events are not kept (7 d): the earliest is `catch-up ",
    )


async def test_what_the_database_knows_is_left_as_it_is(known: House) -> None:
    user = uuid4()
    await known.ask_and_work(user)
    [made] = await known.said(AccountLinked)
    gone = AccountUnlinked(link_id=made.link_id, user_id=user, account_number=NUMBER, reason="support")

    async def remembered() -> AsyncIterator[list[Said]]:
        yield [Said(gone, forgotten=False)]

    assert await catch_up(remembered(), known.running.kernel.database, known.settings) == CaughtUp(0, 0)
    assert problem(await known.ask(user))["code"] == "already-linked"
