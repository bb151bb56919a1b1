"""What happens beside a decision that is not committed yet."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from billing_link.importing import Files, import_billing
from billing_link.linking import decide_requests
from shared.contracts.billing_link import AccountLinked, AccountUnlinked, LinkRequested, UserDataErased
from shared.contracts.identity import UserErased
from tests.kit import eventually

from .conftest import NUMBER, TODAY, House, opened


@asynccontextmanager
async def while_deciding(house: House, beside: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Decide what was asked, and commit only when `beside` waits for it; then see it to its end."""
    asked = await house.said(LinkRequested)
    waits = "datname = current_database() AND wait_event_type = 'Lock'"
    async with house.running.kernel.database.transaction() as session:
        await decide_requests(session, asked, house.settings)
        task = asyncio.create_task(beside)
        await eventually(lambda: house.count("pg_stat_activity", waits))
    await task
    yield


async def reasons(house: House) -> list[str]:
    return [event.reason for event in await house.said(AccountUnlinked)]


async def test_contract_told_beside_a_decision_ends_the_link_that_it_made(known: House) -> None:
    await known.ask(uuid4())

    async with while_deciding(known, known.hear(opened(opened_on=TODAY - timedelta(days=1)))):
        assert len(await known.said(AccountLinked)) == 1
        assert await reasons(known) == ["new-contract"]


async def test_contract_imported_beside_a_decision_ends_the_link_that_it_made(known: House, tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text(f"account_number,address,opened_on,closed_on\n{NUMBER},x,{TODAY - timedelta(days=1)},\n")
    database, zone = known.running.kernel.database, known.settings.time_zone
    await known.ask(uuid4())

    async with while_deciding(known, import_billing(database, Files(accounts=file), zone, accept_rejects=False)):
        assert len(await known.said(AccountLinked)) == 1
        assert await reasons(known) == ["new-contract"]


async def test_user_erased_beside_a_decision_keeps_no_link(known: House) -> None:
    user = uuid4()
    await known.ask(user)

    async with while_deciding(known, known.hear(UserErased(user_id=user))):
        assert await reasons(known) == ["erased"]
        assert len(await known.said(UserDataErased)) == 1
        assert await known.count("links", "ended_at IS NULL") == 0


async def test_two_workers_that_decide_the_same_request_decide_it_once(known: House) -> None:
    await known.ask(uuid4())
    asked = await known.said(LinkRequested)

    async def decide() -> None:
        async with known.running.kernel.database.transaction() as session:
            await decide_requests(session, asked, known.settings)

    await asyncio.gather(*(decide() for _ in range(5)))

    assert len(await known.said(AccountLinked)) == 1
