"""Signing in, refreshing and signing out, over HTTP on real PostgreSQL."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from identity.main import service
from shared.contracts.identity import (
    ContactChanged,
    LegacyUserMigrated,
    SessionsEnded,
    SessionStarted,
    UserRegistered,
)
from tests.identity.conftest import Identity
from tests.kit import Running, field_codes, problem

OLD = "qwerty77"
OLD_HASH = hashlib.md5(OLD.encode()).hexdigest()
NUMBER = "67123456"


def bearer(tokens: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def test_sign_in_gives_tokens_and_says_so(identity: Identity) -> None:
    user_id = await identity.registered()

    answer = await identity.sign_in("PETROVA")

    body = answer.json()
    assert answer.status_code == 201
    assert (body["token_type"], body["expires_in"], body["user"]["id"]) == ("Bearer", 300, user_id)
    assert body["user"] == {"id": user_id, "login": "petrova", "locale": "ru", "password_weak": False}
    [event] = await identity.running.said(SessionStarted)
    assert (str(event.session_id), event.known_device) == (body["session_id"], True)
    me = (await identity.client.get("/v1/me", headers=bearer(body))).json()
    assert (me["login"], me["email"], me["email_confirmed"], me["phone"], me["origin"]) == (
        "petrova", "petrova@mail.ru", True, "+79123456789", "registered",
    )  # fmt: skip


async def test_unknown_login_and_wrong_password_are_answered_alike(identity: Identity) -> None:
    await identity.registered()

    wrong, unknown = await identity.sign_in(password="не тот"), await identity.sign_in("nobody", "не тот")

    assert (wrong.status_code, wrong.content) == (401, unknown.content)
    assert {k: v for k, v in wrong.headers.items() if k not in ("x-request-id", "traceparent")} == {
        k: v for k, v in unknown.headers.items() if k not in ("x-request-id", "traceparent")
    }
    assert problem(wrong)["code"] == "invalid-credentials"


@pytest.mark.parametrize("login", ["petrova", "nobody", "67999999"])
async def test_ten_wrong_guesses_close_a_login_whether_or_not_it_exists(identity: Identity, login: str) -> None:
    await identity.registered()

    answers = [await identity.sign_in(login, f"не тот {n}") for n in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert problem(answers[-1])["code"] == "too-many-attempts"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 901


async def test_parallel_guesses_do_not_exceed_the_limit(identity: Identity) -> None:
    answers = await asyncio.gather(*(identity.sign_in("nobody", f"не тот {n}") for n in range(30)))

    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 20


async def test_right_password_is_no_guess(identity: Identity) -> None:
    await identity.registered()

    assert [(await identity.sign_in()).status_code for _ in range(12)] == [201] * 12


async def test_address_may_guess_thirty_times_a_minute(open_service: Callable[..., Awaitable[Running]]) -> None:
    identity = Identity(await open_service(service))

    answers = [await identity.sign_in(f"nobody{n}", "не тот") for n in range(31)]

    assert [answer.status_code for answer in answers] == [401] * 30 + [429]


async def test_refresh_rotates_and_a_lost_answer_gives_the_same_successor(identity: Identity) -> None:
    await identity.registered()
    first = (await identity.sign_in()).json()["refresh_token"]

    async def refresh(token: str) -> tuple[int, str]:
        answer = await identity.client.post("/v1/sessions/refresh", json={"refresh_token": token})
        return answer.status_code, answer.json().get("refresh_token") or answer.json()["code"]

    _, second = await refresh(first)
    assert second != first
    assert await refresh(first) == (200, second)
    _, third = await refresh(second)
    assert await refresh(first) == (401, "session-ended")
    assert await refresh(third) == (401, "session-ended")
    [event] = await identity.running.said(SessionsEnded)
    assert event.reason == "refresh_reused"


async def test_previous_refresh_token_is_no_good_after_half_a_minute(identity: Identity) -> None:
    await identity.registered()
    first = (await identity.sign_in()).json()["refresh_token"]
    await identity.client.post("/v1/sessions/refresh", json={"refresh_token": first})
    await identity.let_pass("sessions", "rotated_at", "31 seconds")

    answer = await identity.client.post("/v1/sessions/refresh", json={"refresh_token": first})

    assert problem(answer)["code"] == "session-ended"


@pytest.mark.parametrize("token", ["", "x", "019ac000-0000-7000-8000-000000000000.0.00", "." * 200, "a.-1.b"])
async def test_forged_refresh_token_is_refused(identity: Identity, token: str) -> None:
    answer = await identity.client.post("/v1/sessions/refresh", json={"refresh_token": token})

    assert problem(answer)["code"] == "session-ended"


async def test_idle_session_ends(identity: Identity) -> None:
    await identity.registered()
    token = (await identity.sign_in()).json()["refresh_token"]
    await identity.let_pass("sessions", "last_seen_at", "15 days")

    answer = await identity.client.post("/v1/sessions/refresh", json={"refresh_token": token})

    assert problem(answer)["code"] == "session-ended"


async def test_signed_out_session_is_refused_at_once(identity: Identity) -> None:
    await identity.registered()
    tokens = (await identity.sign_in()).json()

    signed_out = await identity.client.delete("/v1/sessions/current", headers=bearer(tokens))

    assert signed_out.status_code == 204
    assert (await identity.client.get("/v1/me", headers=bearer(tokens))).status_code == 401
    [event] = await identity.running.said(SessionsEnded)
    assert [str(one) for one in event.session_ids] == [tokens["session_id"]]


async def test_second_device_is_not_known_until_it_shows_its_token(identity: Identity) -> None:
    await identity.registered()
    device = (await identity.sign_in()).json()["device"]

    await identity.sign_in()
    again = (await identity.sign_in(device=device)).json()["device"]

    assert again == device
    assert [event.known_device for event in await identity.running.said(SessionStarted)] == [True, False, True]


async def test_old_login_moves_over_without_noticing(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "old@mail.ru", "8 912 345-67-89"))

    answer = await identity.sign_in(NUMBER, OLD)

    assert answer.status_code == 201
    assert answer.json()["user"]["password_weak"] is True
    [registered] = await identity.running.said(UserRegistered)
    [migrated] = await identity.running.said(LegacyUserMigrated)
    assert (registered.origin, migrated.account_number) == ("migrated", NUMBER)
    me = (await identity.client.get("/v1/me", headers=bearer(answer.json()))).json()
    assert (me["login"], me["email"], me["phone"], me["origin"]) == (NUMBER, "old@mail.ru", "+79123456789", "migrated")
    assert (await identity.sign_in(NUMBER, OLD)).status_code == 201
    assert await identity.running.rows("SELECT 1 FROM legacy_users") == []


async def test_wrong_old_password_makes_no_user(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "old@mail.ru", ""))

    assert problem(await identity.sign_in(NUMBER, "не тот"))["code"] == "invalid-credentials"
    assert await identity.running.rows("SELECT 1 FROM users") == []


async def test_parallel_first_logins_make_one_user(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "old@mail.ru", ""))

    # As many as a login bears at once, so that none is refused as a guess.
    answers = await asyncio.gather(*(identity.sign_in(NUMBER, OLD) for _ in range(10)))

    assert [answer.status_code for answer in answers] == [201] * 10
    assert len(await identity.running.said(UserRegistered)) == 1
    assert len(await identity.running.said(LegacyUserMigrated)) == 1


async def test_later_import_does_not_bring_a_used_credential_back(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "old@mail.ru", ""))
    await identity.sign_in(NUMBER, OLD)

    again = await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "other@mail.ru", ""))

    assert (again.new, again.moved) == (0, 1)
    assert await identity.running.rows("SELECT 1 FROM legacy_users") == []


async def test_old_login_without_address_is_asked_for_it(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "", ""))

    asked = problem(await identity.sign_in(NUMBER, OLD))
    answer = await identity.client.post("/v1/legacy-sessions", json={"ticket": asked["ticket"], "email": "new@mail.ru"})

    assert (asked["status"], asked["code"]) == (403, "email-required")
    assert answer.status_code == 201
    [letter] = await identity.confirmations()
    assert (letter.email, letter.login) == ("new@mail.ru", NUMBER)
    assert (await identity.confirm(letter.token)).json()["purpose"] == "migration"
    assert len(await identity.running.said(ContactChanged)) == 1
    assert (await identity.sign_in(NUMBER, OLD)).status_code == 201


async def test_ticket_works_once_and_not_for_long(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "", ""))
    body = {"ticket": problem(await identity.sign_in(NUMBER, OLD))["ticket"], "email": "new@mail.ru"}
    late = {"ticket": problem(await identity.sign_in(NUMBER, OLD))["ticket"], "email": "new@mail.ru"}
    mistyped = await identity.client.post("/v1/legacy-sessions", json={**body, "email": "new"})
    first = await identity.client.post("/v1/legacy-sessions", json=body)
    second = await identity.client.post("/v1/legacy-sessions", json=body)
    killed = await identity.client.post("/v1/legacy-sessions", json=late)

    assert field_codes(mistyped) == {"email": "email-invalid"}
    assert first.status_code == 201
    assert [problem(answer)["code"] for answer in (second, killed)] == ["ticket-not-valid"] * 2


async def test_blocked_user_is_told_only_after_the_right_password(identity: Identity) -> None:
    await identity.registered()
    await identity.running.rows("UPDATE users SET status = 'blocked' RETURNING 1")

    assert problem(await identity.sign_in(password="не тот"))["code"] == "invalid-credentials"
    assert problem(await identity.sign_in())["code"] == "user-blocked"


async def test_public_keys_are_served_for_the_gateway(identity: Identity) -> None:
    keys = (await identity.client.get("/.well-known/jwks.json")).json()["keys"]

    assert [(key["kty"], key["crv"], "d" in key) for key in keys] == [("OKP", "Ed25519", False)]


async def test_twenty_parallel_first_logins_make_one_user(
    open_service: Callable[..., Awaitable[Running]], tmp_path: Path
) -> None:
    unhurried = {"guesses_per_login": 20, "guesses_per_address_minute": 1000, "request_seconds": 120}
    identity = Identity(await open_service(service, **unhurried))
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "old@mail.ru", ""))

    answers = await asyncio.gather(*(identity.sign_in(NUMBER, OLD) for _ in range(20)))

    assert [answer.status_code for answer in answers] == [201] * 20
    assert len(await identity.running.said(UserRegistered)) == 1
    assert len(await identity.running.said(LegacyUserMigrated)) == 1
    assert len(await identity.running.rows("SELECT 1 FROM users")) == 1
    assert await identity.running.rows("SELECT waiting, moved FROM old_hash_kinds") == [(0, 1)]
