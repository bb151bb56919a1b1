"""How a hold on an account ends, and how it comes from the old portal."""

from datetime import timedelta
from uuid import UUID, uuid4

from shared.contracts.billing import AccountClosed
from shared.contracts.billing_link import AccountLinked, AccountUnlinked, UserDataErased
from shared.contracts.identity import LegacyUserMigrated, SessionsEnded, UserErased

from .conftest import NUMBER, TODAY, House, opened, paid


async def test_account_that_was_let_go_can_be_linked_again(known: House) -> None:
    user, other = uuid4(), uuid4()
    await known.ask_and_work(user)
    await known.ask_and_work(other)

    removed = await known.call("DELETE", f"/v1/accounts/{NUMBER}", user)
    again = await known.call("DELETE", f"/v1/accounts/{NUMBER}", user)

    [unlinked] = await known.said(AccountUnlinked)
    assert (removed.status_code, again.status_code) == (204, 404)
    assert (unlinked.user_id, unlinked.reason) == (user, "user")
    assert await known.accounts(user) == []
    assert len(await known.accounts(other)) == 1
    assert (await known.ask_and_work(user))["status"] == "linked"


async def test_links_of_the_old_tenant_end_with_a_new_contract(known: House) -> None:
    old, new = uuid4(), uuid4()
    await known.hear(paid("500.00", days_ago=1))
    await known.ask_and_work(old)
    await known.ask_and_work(new, amount="500.00")

    await known.hear(opened(opened_on=TODAY - timedelta(days=5)))

    [unlinked] = await known.said(AccountUnlinked)
    assert (unlinked.user_id, unlinked.reason) == (old, "new-contract")
    assert len(await known.accounts(new)) == 1, "the payment is of the new contract, only billing's word came late"


async def test_closed_account_stays_listed_with_its_day(known: House) -> None:
    user = uuid4()
    await known.ask_and_work(user)

    await known.hear(AccountClosed(account_number=NUMBER, closed_on=TODAY))

    [account] = await known.accounts(user)
    assert account["closed_on"] == TODAY.isoformat()


def migrated(user: UUID, days_ago: int = 0, number: str = NUMBER) -> LegacyUserMigrated:
    as_of = TODAY - timedelta(days=days_ago)
    return LegacyUserMigrated(user_id=user, account_number=number, credentials_as_of=as_of)


async def test_old_credentials_link_without_an_amount(known: House) -> None:
    user = uuid4()

    await known.hear(migrated(user))
    await known.hear(migrated(user))

    [linked] = await known.said(AccountLinked)
    [account] = await known.accounts(user)
    assert (linked.origin, linked.request_id) == ("migrated", None)
    assert account["origin"] == "migrated"


async def test_old_credentials_of_an_earlier_tenant_link_nothing(known: House) -> None:
    user = uuid4()
    await known.hear(opened(opened_on=TODAY - timedelta(days=10)))

    await known.hear(migrated(user, days_ago=11))
    assert await known.accounts(user) == []

    await known.hear(migrated(user, days_ago=10))
    assert len(await known.accounts(user)) == 1


async def test_old_credentials_wait_for_an_account_that_billing_has_not_told_of(house: House) -> None:
    kept, outlived = uuid4(), uuid4()
    await house.hear(migrated(kept), migrated(outlived, days_ago=100))
    assert await house.said(AccountLinked) == []

    await house.hear(opened(opened_on=TODAY - timedelta(days=50)))

    [linked] = await house.said(AccountLinked)
    assert linked.user_id == kept
    assert await house.count("link_wishes") == 0


async def test_erased_user_leaves_nothing_and_what_comes_late_changes_nothing(known: House) -> None:
    user, other = uuid4(), uuid4()
    await known.ask_and_work(other)
    await known.ask_and_work(user)
    await known.ask(user, number="55555555")
    await known.call("PATCH", f"/v1/accounts/{NUMBER}", user, json={"alias": "Дача"})

    await known.hear(UserErased(user_id=user))
    await known.work()
    await known.hear(migrated(user))

    [unlinked] = await known.said(AccountUnlinked)
    assert (unlinked.user_id, unlinked.reason) == (user, "erased")
    assert [event.user_id for event in await known.said(UserDataErased)] == [user]
    assert await known.accounts(user) == []
    assert len(await known.accounts(other)) == 1
    assert await known.count("link_requests", f"user_id = '{user}'") == 0
    assert await known.count("links", "alias <> ''") == await known.count("link_wishes") == 0
    assert await known.count("link_attempts", f"key = '{user}'") == 0


async def test_erased_user_cannot_ask_with_a_token_that_still_runs(known: House) -> None:
    user = uuid4()
    await known.hear(UserErased(user_id=user))

    answer = await known.ask(user)

    assert (answer.status_code, answer.json()["code"]) == (401, "not-authenticated")
    assert await known.count("link_requests") == 0


async def test_ended_session_is_refused(house: House) -> None:
    user, session = uuid4(), uuid4()
    headers = house.running.bearer(user, session)
    assert (await house.running.client.get("/v1/accounts", headers=headers)).status_code == 200

    await house.hear(SessionsEnded(user_id=user, session_ids=[session], reason="logout"))

    assert (await house.running.client.get("/v1/accounts", headers=headers)).status_code == 401
