"""Password recovery, over HTTP on real PostgreSQL."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from shared.contracts.identity import PasswordChanged, SessionsEnded, UserRegistered
from tests.identity.conftest import PASSWORD, Identity
from tests.kit import field_codes, problem

NEW = "зелёный автобус стоит"


@pytest.mark.parametrize("asked", ["petrova", "PETROVA", "petrova@mail.ru", "Petrova@MAIL.RU"])
async def test_link_sets_a_new_password(identity: Identity, asked: str) -> None:
    await identity.registered()
    await identity.sign_in()
    assert (await identity.recover(asked)).status_code == 202
    [letter] = await identity.recoveries()

    answer = await identity.reset(letter.token, NEW)

    assert (letter.email, letter.login) == ("petrova@mail.ru", "petrova")
    assert answer.status_code == 204
    assert problem(await identity.sign_in(password=PASSWORD))["code"] == "invalid-credentials"
    assert (await identity.sign_in(password=NEW)).status_code == 201
    assert [event.reason for event in await identity.running.said(PasswordChanged)] == ["reset"]
    assert len(await identity.running.said(SessionsEnded)) == 1


@pytest.mark.parametrize("asked", ["nobody", "nobody@mail.ru", "67999999", "x" * 300, "@"])
async def test_unknown_people_are_answered_alike_and_get_nothing(identity: Identity, asked: str) -> None:
    await identity.registered()
    known, unknown = await identity.recover("petrova"), await identity.recover(asked)

    assert (unknown.status_code, unknown.content) == (known.status_code, known.content)
    assert len(await identity.recoveries()) == 1


async def test_link_works_once(identity: Identity) -> None:
    await identity.registered()
    await identity.recover("petrova")
    [letter] = await identity.recoveries()

    answers = await asyncio.gather(*(identity.reset(letter.token, f"{NEW} {n}") for n in range(4)))

    assert sorted(answer.status_code for answer in answers) == [204, 410, 410, 410]


async def test_link_dies_after_an_hour_and_with_its_sibling(identity: Identity) -> None:
    await identity.registered()
    await identity.recover("petrova")
    await identity.recover("petrova")
    first, second = await identity.recoveries()
    await identity.reset(second.token, NEW)
    await identity.recover("petrova")
    late = (await identity.recoveries())[-1]
    await identity.let_pass("one_time_tokens", "expires_at", "61 minutes")

    assert problem(await identity.reset(first.token))["code"] == "link-not-valid"
    assert problem(await identity.reset(late.token))["code"] == "link-not-valid"


async def test_new_password_is_judged_and_the_link_stays_good(identity: Identity) -> None:
    await identity.registered()
    await identity.recover("petrova")
    [letter] = await identity.recoveries()

    assert field_codes(await identity.reset(letter.token, "petrova1")) == {"password": "password-too-weak"}
    assert (await identity.reset(letter.token, NEW)).status_code == 204


async def test_three_letters_an_hour_go_to_one_user(identity: Identity) -> None:
    await identity.registered()

    answers = [await identity.recover("petrova") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [202] * 5
    assert len(await identity.recoveries()) == 3


async def test_unconfirmed_person_gets_the_confirmation_again(identity: Identity) -> None:
    await identity.register()

    await identity.recover("petrova@mail.ru")

    assert await identity.recoveries() == []
    assert len(await identity.confirmations()) == 2


async def test_reset_forgets_wrong_guesses(identity: Identity) -> None:
    await identity.registered()
    for n in range(10):
        await identity.sign_in(password=f"не тот {n}")
    assert (await identity.sign_in()).status_code == 429
    await identity.recover("petrova")

    await identity.reset((await identity.recoveries())[0].token, NEW)

    assert (await identity.sign_in(password=NEW)).status_code == 201


async def test_one_address_of_several_old_logins_gets_a_link_for_each(identity: Identity, tmp_path: Path) -> None:
    old = hashlib.md5(b"qwerty77").hexdigest()
    await identity.import_old(tmp_path, ("67123456", old, "old@mail.ru", ""), ("67123457", old, "old@mail.ru", ""))

    await identity.recover("old@mail.ru")

    assert sorted(letter.login for letter in await identity.recoveries()) == ["67123456", "67123457"]


async def test_recovery_moves_an_old_user_who_had_not_come_yet(identity: Identity, tmp_path: Path) -> None:
    old = hashlib.md5(b"qwerty77").hexdigest()
    await identity.import_old(tmp_path, ("67123456", old, "old@mail.ru", ""))
    await identity.recover("67123456")

    answer = await identity.reset((await identity.recoveries())[0].token, NEW)

    assert answer.status_code == 204
    assert problem(await identity.sign_in("67123456", "qwerty77"))["code"] == "invalid-credentials"
    assert (await identity.sign_in("67123456", NEW)).status_code == 201
    assert [event.origin for event in await identity.running.said(UserRegistered)] == ["migrated"]


async def test_who_asked_is_forgotten_once_it_is_decided(identity: Identity) -> None:
    await identity.recover("petrova@mail.ru")
    await identity.decide()

    assert await identity.running.rows("SELECT 1 FROM letter_requests WHERE encrypted_subject IS NOT NULL") == []


async def test_at_most_ten_letters_go_to_one_address(identity: Identity) -> None:
    await identity.running.rows(
        "INSERT INTO users (id, login, login_key, status, password_hash, password_weak, email, email_confirmed_at,"
        " locale, origin) SELECT gen_random_uuid(), 'u' || n, 'u' || n, 'active', '', false, 'family@mail.ru', now(),"
        " 'ru', 'registered' FROM generate_series(1, 12) AS n RETURNING 1"
    )

    await identity.recover("Family@mail.ru")

    letters = await identity.recoveries()
    assert len({letter.login for letter in letters}) == len(letters) == 10


async def test_address_that_was_never_confirmed_gets_no_recovery(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, ("67123456", hashlib.md5(b"qwerty77").hexdigest(), "", ""))
    ticket = problem(await identity.sign_in("67123456", "qwerty77"))["ticket"]
    await identity.client.post("/v1/legacy-sessions", json={"ticket": ticket, "email": "typed@mail.ru"})

    await identity.recover("67123456")
    await identity.recover("typed@mail.ru")

    assert await identity.recoveries() == []
