"""A database set back to before: nobody who was erased, blocked or signed out since is back, and no old password opens
what a newer one had closed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from deploy.embedded.topics import FILE
from identity.catching_up import CaughtUp, catch_up
from shared.contracts import billing_link, notifier
from shared.contracts.identity import (
    ContactChanged,
    ErasedContacts,
    PasswordChanged,
    SessionsEnded,
    UserErased,
    UserRegistered,
)
from shared.events import Event
from shared.said import Said
from tests.identity.conftest import PASSWORD, Identity, bearer
from tests.identity.test_erasing import missing
from tests.identity.test_signing_in import OLD, OLD_HASH
from tests.kit import problem

NUMBER = "67123456"
NEW = "зелёный автобус стоит"


async def topic(*events: Event, forgotten: bool = True) -> AsyncIterator[list[Said]]:
    for event in events:
        yield [Said(event, forgotten)]


async def caught_up(identity: Identity, *events: Event) -> CaughtUp:
    return await catch_up(topic(*events), identity.running.wired)


async def test_erased_user_who_is_back_is_erased_again_without_a_second_farewell(identity: Identity) -> None:
    user_id = UUID(await identity.registered())

    done = await caught_up(identity, UserErased(user_id=user_id))

    assert done.erased == {user_id}
    assert problem(await identity.sign_in())["code"] == "invalid-credentials"
    [erased] = await identity.running.said(UserErased)
    assert identity.opened(erased, ErasedContacts).email is None
    assert await missing(identity) == [["billing-link", "notifier"]]


async def test_erased_user_of_the_old_portal_does_not_come_over_again(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "a@mail.ru", ""))
    [(old_id,)] = await identity.running.rows("SELECT id FROM legacy_users")

    await caught_up(identity, UserErased(user_id=old_id))

    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "a@mail.ru", ""))
    assert problem(await identity.sign_in(NUMBER, OLD))["code"] == "invalid-credentials"


async def test_user_who_registered_in_the_lost_time_is_forgotten_elsewhere(identity: Identity) -> None:
    ghost, known = uuid7(), UUID(await identity.registered())
    told = [UserRegistered(user_id=one, origin="registered", locale="ru") for one in (ghost, known)]

    done = await caught_up(identity, *told)

    assert done.unknown == {ghost}
    assert [one.user_id for one in await identity.running.said(UserErased)] == [ghost]
    assert (await identity.sign_in()).status_code == 201


async def test_user_who_came_over_in_the_lost_time_comes_over_again(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "a@mail.ru", ""))
    [(old_id,)] = await identity.running.rows("SELECT id FROM legacy_users")

    done = await caught_up(identity, UserRegistered(user_id=old_id, origin="migrated", locale="ru"))

    assert done.unknown == set()
    assert (await identity.sign_in(NUMBER, OLD)).json()["user"]["id"] == str(old_id)


async def test_session_that_ended_in_the_lost_time_ends_again_and_another_goes_on(identity: Identity) -> None:
    user_id = UUID(await identity.registered())
    lost, kept = [(await identity.sign_in()).json() for _ in range(2)]

    ended = SessionsEnded(user_id=user_id, session_ids=[UUID(lost["session_id"])], reason="signed_out")
    done = await caught_up(identity, ended)

    assert done.sessions == 1
    found = [(await identity.client.get("/v1/me", headers=bearer(one))).status_code for one in (lost, kept)]
    assert found == [401, 200]


async def test_password_from_before_a_change_opens_nothing_and_its_owner_gets_a_letter(identity: Identity) -> None:
    user_id = UUID(await identity.registered())

    done = await caught_up(identity, PasswordChanged(user_id=user_id, reason="changed"))

    assert done.without_password == [user_id]
    assert problem(await identity.sign_in())["code"] == "invalid-credentials"
    assert (await identity.reset((await identity.recoveries())[-1].token, NEW)).status_code == 204
    assert (await identity.sign_in(password=NEW)).status_code == 201


async def test_password_set_after_the_set_back_stays_when_it_is_caught_up_again(identity: Identity) -> None:
    user_id = UUID(await identity.registered())
    lost, newer = [PasswordChanged(user_id=user_id, reason="reset") for _ in range(2)]

    async def both() -> AsyncIterator[list[Said]]:
        yield [Said(lost, forgotten=True), Said(newer, forgotten=False)]

    done = await catch_up(both(), identity.running.wired)

    assert done.without_password == []
    assert (await identity.sign_in()).status_code == 201


async def test_no_letter_goes_to_an_address_that_was_left_in_the_lost_time(identity: Identity) -> None:
    user_id = UUID(await identity.registered())
    moved = ContactChanged(user_id=user_id, what="email", locale="ru")

    done = await caught_up(identity, moved, PasswordChanged(user_id=user_id, reason="changed"))

    assert (done.set_back, done.without_password) == ({user_id}, [user_id])
    assert await identity.recoveries() == []


async def test_user_blocked_in_the_lost_time_is_blocked_again(identity: Identity) -> None:
    user_id = UUID(await identity.registered())
    tokens = (await identity.sign_in()).json()

    done = await caught_up(identity, SessionsEnded(user_id=user_id, session_ids=[uuid7()], reason="blocked"))

    assert done.blocked == [user_id]
    assert problem(await identity.sign_in())["code"] == "user-blocked"
    assert (await identity.client.get("/v1/me", headers=bearer(tokens))).status_code == 401


async def test_links_of_letters_from_before_open_nothing(identity: Identity) -> None:
    await identity.registered()
    await identity.recover("petrova")
    token = (await identity.recoveries())[-1].token

    await caught_up(identity)

    assert problem(await identity.reset(token))["code"] == "link-not-valid"


async def test_what_the_database_knows_is_left_as_it_is(identity: Identity) -> None:
    user_id = UUID(await identity.registered())

    await catch_up(topic(UserErased(user_id=user_id), forgotten=False), identity.running.wired)

    assert (await identity.sign_in()).status_code == 201


async def test_erasures_are_said_again_until_every_reader_sent_its_receipt_anew(
    identity: Identity, tmp_path: Path
) -> None:
    user_id = UUID(await identity.registered())
    here = (await identity.sign_in()).json()
    await identity.client.post("/v1/me/erasures", json={"current_password": PASSWORD}, headers=bearer(here))
    receipts = [owner.UserDataErased(user_id=user_id) for owner in (billing_link, notifier)]
    await identity.running.hears(*receipts)
    (file := tmp_path / "ids").write_text(f"{user_id}\n")

    for chosen in (("--since", "2026-01-01T00:00:00"), ("--file", str(file)), ("--file", "/dev/stdin")):
        code, said = await program(identity, "erasures", "repeat", *chosen, stdin=f"{user_id}\n")

        assert (code, said.splitlines()[-1].partition(";")[0]) == (0, "said again: 1"), said
        assert await missing(identity) == [["billing-link", "notifier"]]
        await identity.running.hears(*(owner.UserDataErased(user_id=user_id) for owner in (billing_link, notifier)))
        assert await missing(identity) == []


@pytest.mark.parametrize("content", ["no id\n", None])
async def test_file_that_is_no_list_of_ids_erases_nobody(
    identity: Identity, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ids"
    if content is not None:
        file.write_text(f"{await identity.registered()}\n{content}")

    code, said = await program(identity, "erasures", "repeat", "--file", str(file))

    assert code == 2
    assert "one per line" in said
    assert await identity.running.said(UserErased) == []


async def program(identity: Identity, *arguments: str, stdin: str = "") -> tuple[int, str]:
    """Exit code and output of `identity …` on the opened service's database."""
    keys = identity.running.keys
    environment = {
        "PATH": os.environ["PATH"],
        "COLUMNS": "300",
        "IDENTITY_DATABASE_URL": identity.running.kernel.database.dsn,
        "IDENTITY_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "IDENTITY_PUBLIC_KEYS_FILE": str(keys / "public.jwks.json"),
        "IDENTITY_PRIVATE_KEYS_FILE": str(keys / "identity.private.jwks.json"),
        "IDENTITY_TOPICS_FILE": str(FILE),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "identity", *arguments),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    assert process.returncode is not None
    return process.returncode, said.decode()
