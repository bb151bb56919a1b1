"""A second old login of the same person moves into their cabinet, over HTTP on real PostgreSQL."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.contracts.identity import LegacyUserMigrated, UserRegistered
from tests.identity.conftest import Identity, bearer
from tests.kit import problem

OLD = "qwerty77"
OLD_HASH = hashlib.md5(OLD.encode()).hexdigest()
NUMBER = "67123456"


@pytest.fixture
async def here(identity: Identity, tmp_path: Path) -> dict[str, Any]:
    """The tokens of petrova, signed in, beside an old login that has not moved."""
    await identity.registered()
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "petrova@mail.ru", ""))
    tokens: dict[str, Any] = (await identity.sign_in()).json()
    return tokens


async def add(identity: Identity, here: dict[str, Any], login: str = NUMBER, password: str = OLD) -> httpx2.Response:
    body = {"login": login, "password": password}
    return await identity.client.post("/v1/me/legacy-logins", json=body, headers=bearer(here))


async def test_old_login_moves_into_the_cabinet(identity: Identity, here: dict[str, Any], tmp_path: Path) -> None:
    answer = await add(identity, here)

    again = await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "petrova@mail.ru", ""))
    assert (answer.status_code, answer.json()) == (201, {"account_number": NUMBER})
    [event] = await identity.running.said(LegacyUserMigrated)
    assert (str(event.user_id), event.account_number) == (here["user"]["id"], NUMBER)
    assert [one.origin for one in await identity.running.said(UserRegistered)] == ["registered"]
    assert problem(await identity.sign_in(NUMBER, OLD))["code"] == "invalid-credentials"
    assert (again.new, again.moved) == (0, 1)


async def test_old_login_moves_once_however_often_it_is_asked_for(identity: Identity, here: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(add(identity, here) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [403] * 7
    assert len(await identity.running.said(LegacyUserMigrated)) == 1


async def test_unknown_and_wrong_are_answered_alike(identity: Identity, here: dict[str, Any]) -> None:
    wrong, unknown = await add(identity, here, password="не тот"), await add(identity, here, login="67999999")
    named, own = await add(identity, here, login="nobody"), await add(identity, here, login="petrova")

    assert problem(wrong)["code"] == "wrong-password"
    assert {(one.status_code, one.content) for one in (wrong, unknown, named, own)} == {(403, wrong.content)}


async def test_wrong_passwords_of_an_old_login_are_counted(identity: Identity, here: dict[str, Any]) -> None:
    answers = [await add(identity, here, password=f"не тот {n}") for n in range(11)]

    assert [problem(answer)["code"] for answer in answers] == ["wrong-password"] * 10 + ["too-many-attempts"]


async def test_recovery_link_of_a_login_that_moved_in_is_dead(identity: Identity, here: dict[str, Any]) -> None:
    await identity.recover(NUMBER)
    [letter] = await identity.recoveries()

    await add(identity, here)

    assert problem(await identity.reset(letter.token))["code"] == "link-not-valid"
    assert await identity.running.rows("SELECT login FROM users") == [("petrova",)]
