"""`identity users …` and `identity erasures …`: what support can do, what is kept of it, what it shows."""

import asyncio
import hashlib
import os
import sys
from pathlib import Path

import pytest

from deploy.embedded.topics import FILE
from identity import support
from shared.complaints import CannotGoOn
from shared.contracts.identity import SessionsEnded, UserErased
from shared.mandate import Mandate
from tests.identity.conftest import PASSWORD, Identity, bearer
from tests.kit import problem

WHY = Mandate("support-7", "she called")
NUMBER, OLD = "67123456", "qwerty77"


async def said_by(identity: Identity, *arguments: str) -> tuple[int, str]:
    """Exit code and output of `identity …` as a process."""
    environment = {
        "PATH": os.environ["PATH"],
        "IDENTITY_DATABASE_URL": identity.running.kernel.database.dsn,
        "IDENTITY_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "IDENTITY_PUBLIC_KEYS_FILE": str(identity.running.keys / "public.jwks.json"),
        "IDENTITY_PRIVATE_KEYS_FILE": str(identity.running.keys / "identity.private.jwks.json"),
        "IDENTITY_TOPICS_FILE": str(FILE),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "identity", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def acts(identity: Identity) -> list[tuple[str, str, str]]:
    rows = await identity.running.rows("SELECT act, done_by, reason FROM user_acts ORDER BY id")
    return [tuple(row) for row in rows]


async def test_user_is_shown_with_masked_contacts_and_the_look_is_kept(identity: Identity) -> None:
    user_id = await identity.registered()
    identity.client.headers["User-Agent"] = "Fire\x1b[31mfox"
    here = (await identity.sign_in()).json()

    code, said = await said_by(identity, "users", "show", "PETROVA", "--by", "support-7", "--reason", "she called")

    assert code == 0, said
    assert user_id in said
    assert here["session_id"] in said
    assert "pe•••@mail.ru" in said
    assert "+7 912 •••-••-89" in said
    assert "petrova@mail.ru" not in said
    assert "9123456789" not in said
    assert "\x1b[31m" not in said
    assert await acts(identity) == [("show", "support-7", "she called")]


async def test_somebody_is_found_by_an_old_number_that_they_brought_too(identity: Identity, tmp_path: Path) -> None:
    user_id = await identity.registered()
    old_hash = hashlib.md5(OLD.encode()).hexdigest()
    await identity.import_old(tmp_path, (NUMBER, old_hash, "", ""), ("67123457", old_hash, "", ""))
    here = (await identity.sign_in()).json()
    brought = {"login": NUMBER, "password": OLD}
    await identity.client.post("/v1/me/legacy-logins", json=brought, headers=bearer(here))

    async with identity.running.kernel.database.transaction() as session:
        found = await support.find(session, NUMBER)
        other = await support.find(session, "67123457")

    assert str(found.id) == user_id
    assert str(other.id) != user_id


async def test_commands_act_and_answer_in_one_line(identity: Identity) -> None:
    user_id = await identity.registered()
    await identity.sign_in()
    why = ("--by", "support-7", "--reason", "she called")

    nobody = await said_by(identity, "users", "show", "nobody", *why)
    without_reason = await said_by(identity, "users", "block", "petrova", "--by", "support-7")
    blocked = await said_by(identity, "users", "block", "petrova", *why)
    erased = await said_by(identity, "users", "erase", "petrova", "--yes", *why)
    listed = await said_by(identity, "erasures", "list")
    restated = await said_by(identity, "restate")

    assert (nobody[0], without_reason[0]) == (2, 2)
    assert "Nobody has this login." in nobody[1]
    assert blocked == (0, f"blocked: {user_id}\n")
    assert erased[0] == 0
    assert (listed[0], user_id in listed[1], "waits for billing-link and notifier" in listed[1]) == (0, True, True)
    assert restated == (0, "stated: 0\n")


async def test_blocked_user_is_shut_out_at_once_and_let_in_again(identity: Identity) -> None:
    await identity.registered()
    here = (await identity.sign_in()).json()
    await identity.recover("petrova")
    [letter] = await identity.recoveries()

    async with identity.running.kernel.database.transaction() as session:
        await support.block(session, "petrova", WHY)

    assert (await identity.client.get("/v1/me", headers=bearer(here))).status_code == 401
    assert problem(await identity.sign_in())["code"] == "user-blocked"
    assert (await identity.reset(letter.token)).status_code == 410
    await identity.recover("petrova")
    assert len(await identity.recoveries()) == 1
    [event] = await identity.running.said(SessionsEnded)
    assert event.reason == "blocked"

    async with identity.running.kernel.database.transaction() as session:
        await support.unblock(session, "petrova", WHY)

    assert (await identity.sign_in()).status_code == 201
    assert [act for act, _by, _why in await acts(identity)] == ["block", "unblock"]


async def test_what_cannot_be_is_refused_and_leaves_no_act(identity: Identity, tmp_path: Path) -> None:
    await identity.register()
    await identity.import_old(tmp_path, (NUMBER, hashlib.md5(OLD.encode()).hexdigest(), "", ""))

    for refused in (support.block, support.unblock):
        for login in ("petrova", NUMBER, "nobody"):
            with pytest.raises(CannotGoOn):
                async with identity.running.kernel.database.transaction() as session:
                    await refused(session, login, WHY)

    assert await acts(identity) == []


@pytest.mark.parametrize(("by", "reason"), [("", "she called"), ("support-7", " ")])
def test_nobody_acts_without_a_name_and_a_reason(by: str, reason: str) -> None:
    with pytest.raises(CannotGoOn, match="--by"):
        Mandate(by, reason)


async def test_all_sessions_are_ended_by_support(identity: Identity) -> None:
    await identity.registered()
    tokens = [(await identity.sign_in()).json() for _ in range(2)]

    async with identity.running.kernel.database.transaction() as session:
        count = await support.end_sessions(session, "petrova", WHY)

    assert count == 2
    assert {(await identity.client.get("/v1/me", headers=bearer(one))).status_code for one in tokens} == {401}


async def test_address_that_support_typed_counts_when_it_is_confirmed(identity: Identity) -> None:
    await identity.registered()

    async with identity.running.kernel.database.transaction() as session:
        await support.set_email(session, "petrova", "new@mail.ru", WHY, identity.running.wired)

    await identity.recover("petrova")
    assert [letter.email for letter in await identity.recoveries()] == ["petrova@mail.ru"]
    assert (await identity.confirm((await identity.confirmations())[-1].token)).status_code == 200
    await identity.recover("petrova")
    assert [letter.email for letter in await identity.recoveries()] == ["petrova@mail.ru", "new@mail.ru"]


async def test_mistyped_address_of_a_registration_is_mended_by_support(identity: Identity) -> None:
    await identity.register(email="mistyped@mail.ru")

    async with identity.running.kernel.database.transaction() as session:
        await support.set_email(session, "petrova", "petrova@mail.ru", WHY, identity.running.wired)

    mistyped, right = await identity.confirmations()
    assert (await identity.confirm(mistyped.token)).status_code == 410
    assert (await identity.confirm(right.token)).status_code == 200
    assert (await identity.sign_in()).status_code == 201


async def test_old_login_that_nobody_remembers_is_recovered_by_an_address_from_support(
    identity: Identity, tmp_path: Path
) -> None:
    await identity.import_old(tmp_path, (NUMBER, hashlib.md5(OLD.encode()).hexdigest(), "", ""))

    async with identity.running.kernel.database.transaction() as session:
        await support.set_email(session, NUMBER, "semenov@mail.ru", WHY, identity.running.wired)

    await identity.recover(NUMBER)
    [letter] = await identity.recoveries()
    assert letter.email == "semenov@mail.ru"
    assert (await identity.reset(letter.token, PASSWORD)).status_code == 204
    assert (await identity.sign_in(NUMBER)).status_code == 201


async def test_old_login_that_is_erased_does_not_come_back(identity: Identity, tmp_path: Path) -> None:
    row = (NUMBER, hashlib.md5(OLD.encode()).hexdigest(), "old@mail.ru", "")
    await identity.import_old(tmp_path, row)
    await identity.recover(NUMBER)
    await identity.decide()

    async with identity.running.kernel.database.transaction() as session:
        erasure_id = await support.erase(session, NUMBER, WHY, identity.running.wired)

    again = await identity.import_old(tmp_path, row)
    assert (erasure_id, again.new, again.moved) == (None, 0, 1)
    assert problem(await identity.sign_in(NUMBER, OLD))["code"] == "invalid-credentials"
    assert await identity.running.said(UserErased) == []
    assert await identity.running.rows("SELECT 1 FROM one_time_tokens") == []
