"""Changes of password, phone, address and language, over HTTP on real PostgreSQL."""

import asyncio
from typing import Any

import httpx2
import pytest

from shared.contracts.identity import ChangedContacts, ContactChanged, PasswordChanged, SessionsEnded
from tests.identity.conftest import PASSWORD, Identity, bearer
from tests.kit import field_codes, problem

NEW = "зелёный автобус стоит"
OTHER_PHONE = "+79120000001"


@pytest.fixture
async def here(identity: Identity) -> dict[str, Any]:
    """The tokens of petrova, signed in."""
    await identity.registered()
    tokens: dict[str, Any] = (await identity.sign_in()).json()
    return tokens


async def put(identity: Identity, here: dict[str, Any], what: str, **fields: str) -> httpx2.Response:
    body = {"current_password": PASSWORD, **fields}
    return await identity.client.put(f"/v1/me/{what}", json=body, headers=bearer(here))


def new_password(password: str = NEW) -> dict[str, str]:
    return {"password": password, "password_confirmation": password}


async def changes(identity: Identity) -> list[tuple[str, ChangedContacts]]:
    events = await identity.running.said(ContactChanged)
    return [(event.what, identity.opened(event, ChangedContacts)) for event in events]


async def me(identity: Identity, here: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = (await identity.client.get("/v1/me", headers=bearer(here))).json()
    return shown


async def test_new_password_ends_every_other_session(identity: Identity, here: dict[str, Any]) -> None:
    elsewhere = (await identity.sign_in()).json()

    answer = await put(identity, here, "password", **new_password())

    assert answer.status_code == 204
    assert (await identity.client.get("/v1/me", headers=bearer(elsewhere))).status_code == 401
    assert (await identity.client.get("/v1/me", headers=bearer(here))).status_code == 200
    assert (await identity.sign_in(password=PASSWORD)).status_code == 401
    assert (await identity.sign_in(password=NEW)).status_code == 201
    assert [event.reason for event in await identity.running.said(PasswordChanged)] == ["changed"]
    [ended] = await identity.running.said(SessionsEnded)
    assert [str(one) for one in ended.session_ids] == [elsewhere["session_id"]]


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        (new_password("petrova1"), {"password": "password-too-weak"}),
        (new_password("ъ" * 129), {"password": "password-too-long"}),
        ({"password": NEW, "password_confirmation": "x"}, {"password_confirmation": "passwords-differ"}),
    ],
)
async def test_new_password_is_judged_like_a_first_one(
    identity: Identity, here: dict[str, Any], fields: dict[str, str], codes: dict[str, str]
) -> None:
    assert field_codes(await put(identity, here, "password", **fields)) == codes


@pytest.mark.parametrize("what", ["password", "phone", "email"])
async def test_wrong_password_changes_nothing_and_counts_as_a_guess(
    identity: Identity, here: dict[str, Any], what: str
) -> None:
    fields = {
        "password": new_password(),
        "phone": {"phone": OTHER_PHONE, "phone_proof": identity.phone_proof(OTHER_PHONE, purpose="phone_change")},
        "email": {"email": "new@mail.ru"},
    }[what]
    before = await me(identity, here)

    answers = [await put(identity, here, what, **fields, current_password=f"не тот {n}") for n in range(11)]

    assert [problem(answer)["code"] for answer in answers] == ["wrong-password"] * 10 + ["too-many-attempts"]
    assert {answer.status_code for answer in answers[:10]} == {403}
    assert await me(identity, here) == before
    assert await changes(identity) == []


async def test_stranger_who_guesses_keeps_nobody_from_a_new_password(identity: Identity, here: dict[str, Any]) -> None:
    for n in range(11):
        await identity.sign_in(password=f"не тот {n}")

    answer = await put(identity, here, "password", **new_password())

    assert answer.status_code == 204


async def test_new_password_kills_recovery_links(identity: Identity, here: dict[str, Any]) -> None:
    await identity.recover("petrova")
    [letter] = await identity.recoveries()

    await put(identity, here, "password", **new_password())

    assert problem(await identity.reset(letter.token))["code"] == "link-not-valid"


async def test_parallel_new_passwords_change_it_once(identity: Identity, here: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(put(identity, here, "password", **new_password(f"{NEW} {n}")) for n in range(5)))

    assert sorted(answer.status_code for answer in answers) == [204, 403, 403, 403, 403]


async def test_new_phone_needs_a_proof_and_tells_the_old_one(identity: Identity, here: dict[str, Any]) -> None:
    proof = identity.phone_proof(OTHER_PHONE, purpose="phone_change")

    answer = await put(identity, here, "phone", phone="8 912 000-00-01", phone_proof=proof)
    again = await put(identity, here, "phone", phone="8 912 000-00-01", phone_proof=proof)

    assert answer.status_code == 204
    assert field_codes(again) == {"phone_proof": "phone-proof-invalid"}
    assert (await me(identity, here))["phone"] == OTHER_PHONE
    [(what, contacts)] = await changes(identity)
    assert (what, contacts.phone, contacts.previous) == ("phone", OTHER_PHONE, "+79123456789")


async def test_registrations_proof_changes_no_phone(identity: Identity, here: dict[str, Any]) -> None:
    answer = await put(identity, here, "phone", phone=OTHER_PHONE, phone_proof=identity.phone_proof(OTHER_PHONE))

    assert field_codes(answer) == {"phone_proof": "phone-proof-invalid"}


async def test_new_address_takes_effect_on_confirmation(identity: Identity, here: dict[str, Any]) -> None:
    answer = await put(identity, here, "email", email="new@mail.ru")
    waiting = await me(identity, here)
    letter = (await identity.confirmations())[-1]

    confirmed = await identity.confirm(letter.token)

    assert answer.status_code == 202
    assert (waiting["email"], waiting["pending_email"]) == ("petrova@mail.ru", "ne•••@mail.ru")
    assert letter.email == "new@mail.ru"
    assert confirmed.json()["purpose"] == "email_change"
    after = await me(identity, here)
    assert (after["email"], after["email_confirmed"], after["pending_email"]) == ("new@mail.ru", True, None)
    [(what, contacts)] = await changes(identity)
    assert (what, contacts.email, contacts.previous) == ("email", "new@mail.ru", "petrova@mail.ru")
    assert contacts.reversal_token


async def test_only_the_last_address_that_was_asked_for_can_be_confirmed(
    identity: Identity, here: dict[str, Any]
) -> None:
    await put(identity, here, "email", email="mistyped@mail.ru")
    await put(identity, here, "email", email="new@mail.ru")
    _, mistyped, right = await identity.confirmations()

    assert problem(await identity.confirm(mistyped.token))["code"] == "link-not-valid"
    assert (await identity.confirm(right.token)).status_code == 200


async def test_second_thoughts_about_an_address_leave_nothing_pending(identity: Identity, here: dict[str, Any]) -> None:
    await put(identity, here, "email", email="new@mail.ru")
    await put(identity, here, "email", email="petrova@mail.ru")

    assert (await me(identity, here))["pending_email"] is None
    assert (await identity.confirm((await identity.confirmations())[-1].token)).status_code == 410


async def test_letter_for_a_new_address_comes_again_after_a_minute(identity: Identity, here: dict[str, Any]) -> None:
    async def again() -> httpx2.Response:
        return await identity.client.post("/v1/me/email/letters", headers=bearer(here))

    nothing = await again()
    await put(identity, here, "email", email="new@mail.ru")
    early = await again()
    await identity.let_pass("letter_requests", "created_at", "61 seconds")
    later = await again()

    assert problem(nothing)["code"] == "nothing-to-confirm"
    assert (problem(early)["code"], 0 < int(early.headers["retry-after"]) <= 61) == ("too-many-letters", True)
    assert later.status_code == 202
    assert [letter.email for letter in await identity.confirmations()] == ["petrova@mail.ru", *["new@mail.ru"] * 2]


async def test_user_causes_five_confirmation_letters_a_day(identity: Identity, here: dict[str, Any]) -> None:
    answers = [await put(identity, here, "email", email=f"new{n}@mail.ru") for n in range(5)]

    assert [answer.status_code for answer in answers] == [202] * 4 + [429]
    assert len(await identity.confirmations()) == 5


async def reversal_token(identity: Identity, here: dict[str, Any], email: str) -> str:
    """Change the address, confirm it, and give the token of the link that goes to the old one."""
    assert (await put(identity, here, "email", email=email)).status_code == 202
    assert (await identity.confirm((await identity.confirmations())[-1].token)).status_code == 200
    token = (await changes(identity))[-1][1].reversal_token
    assert token is not None
    return token


async def reverse(identity: Identity, token: str) -> httpx2.Response:
    return await identity.client.post("/v1/email-reversals", json={"token": token})


async def test_reversal_brings_the_address_back_and_shuts_everybody_out(
    identity: Identity, here: dict[str, Any]
) -> None:
    token = await reversal_token(identity, here, "thief@mail.ru")

    answer = await reverse(identity, token)

    assert answer.status_code == 204
    assert (await identity.client.get("/v1/me", headers=bearer(here))).status_code == 401
    assert (await identity.sign_in(device=here["device"])).status_code == 401
    [letter] = await identity.recoveries()
    assert letter.email == "petrova@mail.ru"
    assert (await identity.reset(letter.token, NEW)).status_code == 204
    owner = (await identity.sign_in(password=NEW)).json()
    assert (await me(identity, owner))["email"] == "petrova@mail.ru"
    assert (await changes(identity))[-1][1].previous is None


async def test_reversal_works_once_and_for_three_days(identity: Identity, here: dict[str, Any]) -> None:
    token = await reversal_token(identity, here, "thief@mail.ru")
    await identity.let_pass("one_time_tokens", "expires_at", "71 hours 59 minutes")
    first, second = await reverse(identity, token), await reverse(identity, token)

    assert first.status_code == 204
    assert problem(second)["code"] == "link-not-valid"


async def test_late_reversal_is_refused(identity: Identity, here: dict[str, Any]) -> None:
    token = await reversal_token(identity, here, "thief@mail.ru")
    await identity.let_pass("one_time_tokens", "expires_at", "72 hours")

    assert problem(await reverse(identity, token))["code"] == "link-not-valid"


async def test_owner_comes_back_through_a_chain_of_changes(identity: Identity, here: dict[str, Any]) -> None:
    owners = await reversal_token(identity, here, "thief@mail.ru")
    thiefs = await reversal_token(identity, here, "thief2@mail.ru")
    await put(identity, here, "password", **new_password())

    by_thief = await reverse(identity, thiefs)
    by_owner = await reverse(identity, owners)
    by_thief_again = await reverse(identity, thiefs)

    assert (by_thief.status_code, by_owner.status_code, by_thief_again.status_code) == (204, 204, 410)
    rows = await identity.running.rows("SELECT email FROM users")
    assert rows == [("petrova@mail.ru",)]


async def test_reversal_kills_what_the_other_address_could_use(identity: Identity, here: dict[str, Any]) -> None:
    token = await reversal_token(identity, here, "thief@mail.ru")
    await identity.recover("petrova")
    [to_thief] = await identity.recoveries()
    await put(identity, here, "email", email="thief2@mail.ru")

    await reverse(identity, token)

    assert to_thief.email == "thief@mail.ru"
    assert (await identity.reset(to_thief.token)).status_code == 410
    assert (await identity.confirm((await identity.confirmations())[-1].token)).status_code == 410


async def test_language_of_letters_is_changed_once(identity: Identity, here: dict[str, Any]) -> None:
    async def patch(body: dict[str, str]) -> httpx2.Response:
        return await identity.client.patch("/v1/me", json=body, headers=bearer(here))

    first, second, third = await patch({"locale": "en"}), await patch({"locale": "en"}), await patch({"locale": "de"})

    assert (first.status_code, first.json()["locale"], second.json()) == (200, "en", first.json())
    assert field_codes(third) == {"locale": "invalid"}
    assert [what for what, _ in await changes(identity)] == ["locale"]
