"""Who holds an account, and what an earlier holder may do about a later one."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.billing import AccountClosed
from shared.contracts.billing_link import AccountUnlinked, LinkRefused
from shared.contracts.identity import LegacyUserMigrated, UserErased
from tests.kit import problem

from .conftest import NUMBER, TODAY, House, opened, paid

PATH = f"/v1/accounts/{NUMBER}/holders"


async def holders(house: House, user: UUID) -> list[dict[str, Any]]:
    return list((await house.get(user, PATH))["items"])


async def object_to(house: House, user: UUID, link_id: object) -> tuple[int, str]:
    answer = await house.call("DELETE", f"{PATH}/{link_id}", user)
    return answer.status_code, "" if answer.status_code == 204 else problem(answer)["code"]


async def two(house: House) -> tuple[UUID, UUID, str, str]:
    """Two holders by amount, the elder first, and their links."""
    elder, younger = uuid4(), uuid4()
    await house.ask_and_work(elder)
    await house.ask_and_work(younger)
    first, second = await holders(house, elder)
    return elder, younger, first["link_id"], second["link_id"]


async def test_every_holder_sees_all_and_whom_they_may_remove(known: House) -> None:
    elder, younger, _, _ = await two(known)

    seen_by_elder, seen_by_younger = await holders(known, elder), await holders(known, younger)

    assert [(one["you"], one["removable"]) for one in seen_by_elder] == [(True, False), (False, True)]
    assert [(one["you"], one["removable"]) for one in seen_by_younger] == [(False, False), (True, False)]
    assert seen_by_elder[0].keys() == {"link_id", "origin", "linked_at", "you", "removable"}
    assert {one["origin"] for one in seen_by_elder} == {"amount"}


async def test_objection_ends_the_younger_link_and_refuses_its_user_by_amount_from_then_on(known: House) -> None:
    elder, younger, _, link = await two(known)

    first, again = await object_to(known, elder, link), await object_to(known, elder, link)
    later = await known.ask_and_work(younger)

    [unlinked] = await known.said(AccountUnlinked)
    assert (first, again) == ((204, ""), (404, "not-found"))
    assert (unlinked.user_id, str(unlinked.link_id), unlinked.reason) == (younger, link, "objection")
    assert await known.accounts(younger) == []
    assert later["refusal"] == "not-confirmed"
    assert await known.count("link_attempts", "subject = 'account'") == 1, "a refusal like any other, charged"
    assert len(await holders(known, elder)) == 1


async def test_elder_link_and_ones_own_cannot_be_removed(known: House) -> None:
    elder, younger, first, second = await two(known)

    answers = [await object_to(known, younger, first), await object_to(known, younger, second)]
    answers.append(await object_to(known, elder, first))

    assert answers == [(403, "not-removable")] * 3
    assert await known.said(AccountUnlinked) == []


async def test_link_by_an_old_password_cannot_be_removed(known: House) -> None:
    elder, migrated = uuid4(), uuid4()
    await known.ask_and_work(elder)
    await known.hear(LegacyUserMigrated(user_id=migrated, account_number=NUMBER, credentials_as_of=TODAY))
    _, link = await holders(known, elder)

    assert link["removable"] is False
    assert await object_to(known, elder, link["link_id"]) == (403, "not-removable")


async def test_link_that_stood_for_thirty_days_cannot_be_removed(known: House) -> None:
    elder, _, first, second = await two(known)
    age = "UPDATE links SET linked_at = now() - make_interval(days => :days) WHERE id = :id"
    await known.change(age, days=60, id=first)
    await known.change(age, days=31, id=second)

    late = await object_to(known, elder, second)
    await known.change(age, days=29, id=second)

    assert late == (403, "not-removable")
    assert await object_to(known, elder, second) == (204, "")


async def test_who_asked_first_is_the_elder_also_where_one_transaction_decided_both(known: House) -> None:
    elder, younger = uuid4(), uuid4()
    await known.ask(elder)
    await known.ask(younger)
    await known.work()

    first, second = await holders(known, elder)

    assert first["linked_at"] == second["linked_at"]
    assert (first["you"], second["removable"]) == (True, True)
    assert await object_to(known, younger, first["link_id"]) == (403, "not-removable")


async def test_whoever_does_not_hold_the_account_sees_nobody_and_removes_nobody(known: House) -> None:
    elder, _, _, link = await two(known)
    await known.call("DELETE", f"/v1/accounts/{NUMBER}", elder)

    assert (await known.call("GET", PATH, elder)).status_code == 404
    assert await object_to(known, elder, link) == (404, "not-found")
    assert await object_to(known, uuid4(), link) == (404, "not-found")


async def test_link_of_another_account_is_none_of_this_one(known: House) -> None:
    other = "67123457"
    elder, stranger = uuid4(), uuid4()
    await known.hear(opened(other), paid(number=other))
    await known.ask_and_work(elder)
    await known.ask_and_work(stranger, number=other)
    [link] = (await known.get(stranger, f"/v1/accounts/{other}/holders"))["items"]

    assert await object_to(known, elder, link["link_id"]) == (404, "not-found")
    assert await object_to(known, elder, "not-an-id") == (404, "not-found")


async def test_objection_falls_with_a_new_contract(known: House) -> None:
    elder, younger, _, link = await two(known)
    await object_to(known, elder, link)
    await known.change("UPDATE objections SET objected_on = :day", day=TODAY - timedelta(days=3))

    await known.hear(opened(opened_on=TODAY - timedelta(days=2)), paid("77.00", days_ago=1))

    assert (await known.ask_and_work(younger, amount="77.00"))["status"] == "linked"


async def test_objection_leaves_the_old_password_its_word(known: House) -> None:
    elder, younger, _, link = await two(known)
    await object_to(known, elder, link)

    await known.hear(LegacyUserMigrated(user_id=younger, account_number=NUMBER, credentials_as_of=TODAY))

    assert [account["origin"] for account in await known.accounts(younger)] == ["migrated"]


async def test_two_who_object_at_once_end_the_link_once(known: House) -> None:
    first, second, _, _ = await two(known)
    third = uuid4()
    await known.ask_and_work(third)
    link = (await holders(known, first))[2]["link_id"]

    answers = await asyncio.gather(*(object_to(known, user, link) for user in (first, second, first, second)))

    assert sorted(answers) == [(204, ""), *[(404, "not-found")] * 3]
    assert [event.user_id for event in await known.said(AccountUnlinked)] == [third]


async def test_request_that_is_pending_when_its_user_is_objected_to_is_refused(known: House) -> None:
    elder, younger, _, link = await two(known)
    await known.call("DELETE", f"/v1/accounts/{NUMBER}", younger)
    await known.ask(younger)
    await known.change(
        "INSERT INTO objections (user_id, account_number, link_id, objected_by, objected_on)"
        " VALUES (:user, :number, :link, :by, :day)",
        user=younger,
        number=NUMBER,
        link=link,
        by=elder,
        day=TODAY,
    )

    await known.work()

    assert [event.refusal for event in await known.said(LinkRefused)] == ["not-confirmed"]


@pytest.mark.parametrize("whose", ["elder", "younger"])
async def test_erased_user_leaves_no_name_in_an_objection(known: House, whose: str) -> None:
    elder, younger, _, link = await two(known)
    await object_to(known, elder, link)
    erased = {"elder": elder, "younger": younger}[whose]

    await known.hear(UserErased(user_id=erased))

    assert await known.count("objections", f"user_id = '{erased}' OR objected_by = '{erased}'") == 0
    assert await known.count("objections") == (1 if whose == "elder" else 0)


async def test_holders_of_a_closed_account_stay_listed(known: House) -> None:
    elder, _, _, _ = await two(known)
    await known.hear(AccountClosed(account_number=NUMBER, closed_on=TODAY))

    assert len(await holders(known, elder)) == 2
