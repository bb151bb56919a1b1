"""What a user can read about their own account, over HTTP on real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from identity.main import service
from shared.housekeeping import purge
from tests.identity.conftest import PASSWORD, Identity, bearer
from tests.kit import Running, field_codes


async def read(identity: Identity, here: dict[str, Any], **query: Any) -> dict[str, Any]:
    answer = await identity.client.get("/v1/me/history", headers=bearer(here), params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_history_tells_of_sign_ins_and_changes_newest_first(identity: Identity) -> None:
    await identity.registered()
    identity.client.headers["User-Agent"] = "Firefox on Linux"
    here = (await identity.sign_in()).json()
    await identity.client.put(
        "/v1/me/email", json={"email": "new@mail.ru", "current_password": PASSWORD}, headers=bearer(here)
    )

    page = await read(identity, here)

    assert [one["kind"] for one in page["items"]] == ["email_change_asked", "signed_in", "registered"]
    assert page["items"][0]["details"] == {"email": "ne•••@mail.ru"}
    assert page["items"][1]["details"]["user_agent"] == "Firefox on Linux"
    assert page["next_cursor"] is None


async def test_history_is_read_page_by_page_without_gap_or_repeat(identity: Identity) -> None:
    await identity.registered()
    for _ in range(4):
        here = (await identity.sign_in()).json()
    whole = (await read(identity, here))["items"]

    pages, cursor = [], None
    while True:
        page = await read(identity, here, limit=2, **({} if cursor is None else {"cursor": cursor}))
        pages.append(page["items"])
        if (cursor := page["next_cursor"]) is None:
            break

    assert [len(items) for items in pages] == [2, 2, 1]
    assert [one for items in pages for one in items] == whole


async def test_strange_cursor_is_refused(identity: Identity) -> None:
    await identity.registered()
    here = (await identity.sign_in()).json()

    answers = [
        await identity.client.get("/v1/me/history", headers=bearer(here), params={"cursor": cursor})
        for cursor in ("x", "ы", "=" * 64, "AAAA")
    ]

    assert [field_codes(answer) for answer in answers] == [{"cursor": "cursor-invalid"}] * 4


async def test_history_is_its_owners_alone(identity: Identity) -> None:
    await identity.registered()
    await identity.registered(login="ivanov", phone="+79120000001", phone_proof=identity.phone_proof("+79120000001"))
    await asyncio.gather(*(identity.sign_in() for _ in range(3)))
    other = (await identity.sign_in("ivanov")).json()

    assert [one["kind"] for one in (await read(identity, other))["items"]] == ["signed_in", "registered"]


async def test_consent_is_kept_from_the_registration_on(open_service: Callable[..., Awaitable[Running]]) -> None:
    identity = Identity(await open_service(service, consent_document="personal-data-2026"))
    await identity.registered(consents=["personal-data-2026"])
    here = (await identity.sign_in()).json()

    [consent] = [one for one in (await read(identity, here))["items"] if one["kind"] == "consent_given"]

    assert consent["details"]["document"] == "personal-data-2026"
    assert datetime.fromisoformat(consent["details"]["at"]) <= datetime.fromisoformat(consent["at"])


async def test_sign_ins_go_after_a_year_and_changes_stay(identity: Identity) -> None:
    await identity.registered()
    here = (await identity.sign_in()).json()
    await identity.let_pass("history_entries", "at", "366 days")
    expired = service.expired(identity.running.kernel.settings)

    await purge(identity.running.kernel.database, "history_entries", expired["history_entries"])

    assert [one["kind"] for one in (await read(identity, here))["items"]] == ["registered"]
