"""Registration and the confirmation of an address, over HTTP on real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from identity.main import service
from shared.contracts.identity import EmailConfirmationRequested, UserRegistered
from tests.identity.conftest import PASSWORD, Identity
from tests.kit import Running, field_codes, problem


async def test_registration_awaits_its_email(identity: Identity) -> None:
    answer = await identity.register()

    assert answer.status_code == 201
    assert answer.json() == {"id": answer.json()["id"], "status": "awaiting_email", "email": "pe•••@mail.ru"}
    [letter] = await identity.confirmations()
    assert (letter.email, letter.login, letter.other_logins) == ("petrova@mail.ru", "petrova", [])
    assert await identity.running.said(UserRegistered) == []


async def test_contacts_and_passwords_stay_out_of_the_open_part_of_events(identity: Identity) -> None:
    await identity.registered()

    for (value,) in await identity.running.rows("SELECT convert_from(value, 'UTF8') FROM outbox"):
        assert not any(secret in value for secret in ("petrova", "9123456789", PASSWORD, "mail.ru"))


async def test_login_is_refused_before_confirmation_and_works_after(identity: Identity) -> None:
    registration = (await identity.register()).json()["id"]

    before = problem(await identity.sign_in())
    confirmed = await identity.confirm((await identity.confirmations())[0].token)
    after = await identity.sign_in()

    assert (before["status"], before["code"]) == (403, "email-not-confirmed")
    assert (before["registration_id"], before["email"]) == (registration, "pe•••@mail.ru")
    assert confirmed.json() == {"user_id": registration, "purpose": "registration"}
    assert after.status_code == 201
    [event] = await identity.running.said(UserRegistered)
    assert (str(event.user_id), event.origin) == (registration, "registered")


async def test_link_confirms_once(identity: Identity) -> None:
    await identity.register()
    token = (await identity.confirmations())[0].token

    answers = await asyncio.gather(*(identity.confirm(token) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]
    assert len(await identity.running.said(UserRegistered)) == 1


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"login": "ab"}, {"login": "login-too-short"}),
        ({"login": "ivan petrov"}, {"login": "login-invalid"}),
        ({"login": "67123456"}, {"login": "login-reserved"}),
        ({"login": "６７１２３４５６"}, {"login": "login-reserved"}),
        ({"password_confirmation": "другой"}, {"password_confirmation": "passwords-differ"}),
        ({"password": "1234567", "password_confirmation": "1234567"}, {"password": "password-too-weak"}),
        ({"password": "petrova1", "password_confirmation": "petrova1"}, {"password": "password-too-weak"}),
        ({"password": "ъ" * 129, "password_confirmation": "ъ" * 129}, {"password": "password-too-long"}),
        ({"email": "petrova"}, {"email": "email-invalid"}),
        ({"email": "a@mail.ru, b@mail.ru"}, {"email": "email-invalid"}),
        ({"phone": "12"}, {"phone": "phone-invalid"}),
        ({"phone_proof": "x.y.z"}, {"phone_proof": "phone-proof-invalid"}),
        ({"login": "ab", "email": "x"}, {"login": "login-too-short", "email": "email-invalid"}),
        ({"captcha": "1"}, {"": "unknown-field"}),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_the_form_is_told_by_field(
    identity: Identity, fields: dict[str, Any], codes: dict[str, str]
) -> None:
    assert field_codes(await identity.register(**fields)) == codes
    assert await identity.running.said() == []


@pytest.mark.parametrize("claims", [{"phone": "+79990000000"}, {"purpose": "phone_change"}, {"exp": 1}, {"iss": "x"}])
async def test_proof_of_something_else_registers_nobody(identity: Identity, claims: dict[str, Any]) -> None:
    answer = await identity.register(phone_proof=identity.phone_proof(**claims))

    assert field_codes(answer) == {"phone_proof": "phone-proof-invalid"}


async def test_taken_login_is_told_only_after_a_proof(identity: Identity) -> None:
    await identity.registered()

    assert field_codes(await identity.register(phone_proof="nothing")) == {"phone_proof": "phone-proof-invalid"}
    assert problem(await identity.register(login="PETROVA"))["code"] == "login-taken"


async def test_taken_login_costs_no_second_code(identity: Identity) -> None:
    await identity.registered()
    proof = identity.phone_proof()
    assert problem(await identity.register(phone_proof=proof))["code"] == "login-taken"

    assert (await identity.register(login="petrova2", phone_proof=proof)).status_code == 201


async def test_proof_bears_ten_tries_and_one_registration(identity: Identity) -> None:
    await identity.registered()
    proof = identity.phone_proof()

    codes = [(await identity.register(phone_proof=proof)).status_code for _ in range(11)]

    assert codes == [409] * 10 + [422]
    spent = identity.phone_proof()
    await identity.register(login="ivanov", phone_proof=spent)
    assert field_codes(await identity.register(login="sidorov", phone_proof=spent)) == {
        "phone_proof": "phone-proof-invalid"
    }


async def test_parallel_registrations_make_one_row(identity: Identity) -> None:
    phones = [f"+791234567{n}" for n in range(10, 20)]

    answers = await asyncio.gather(*(identity.register(phone=p, phone_proof=identity.phone_proof(p)) for p in phones))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert len(await identity.running.said(EmailConfirmationRequested)) == 1


async def test_same_idempotency_key_registers_once(identity: Identity) -> None:
    key = {"Idempotency-Key": "0123456789abcdef"}
    proof = identity.phone_proof()

    first = await identity.register(headers=key, phone_proof=proof)
    second = await identity.register(headers=key, phone_proof=proof)
    other = await identity.register(headers=key, phone_proof=proof, login="ivanov")

    assert (second.status_code, second.json()) == (201, first.json())
    assert problem(other)["code"] == "idempotency-key-reused"
    assert len(await identity.running.said(EmailConfirmationRequested)) == 1


async def test_same_phone_mends_a_mistyped_address(identity: Identity) -> None:
    await identity.register(email="mistyped@mail.ru")

    answer = await identity.register()

    assert answer.status_code == 201
    mistyped, right = await identity.confirmations()
    assert (await identity.confirm(mistyped.token)).status_code == 410
    assert (await identity.confirm(right.token)).status_code == 200


async def test_another_phone_waits_until_the_unconfirmed_registration_is_dead(identity: Identity) -> None:
    await identity.register()
    other: dict[str, Any] = {"phone": "+79120000000"}
    early = await identity.register(**other, phone_proof=identity.phone_proof("+79120000000"))
    await identity.let_pass("users", "created_at", "73 hours")

    late = await identity.register(**other, phone_proof=identity.phone_proof("+79120000000"))

    assert problem(early)["code"] == "login-taken"
    assert late.status_code == 201


async def test_letter_names_the_logins_that_the_address_already_serves(identity: Identity) -> None:
    await identity.registered()
    await identity.register(login="petrova-dacha")

    assert (await identity.confirmations())[-1].other_logins == ["petrova"]


async def test_letter_is_sent_again_after_a_minute_to_any_id_alike(identity: Identity) -> None:
    registration = (await identity.register()).json()["id"]
    unknown = "019ac000-0000-7000-8000-000000000000"

    early = await identity.client.post(f"/v1/registrations/{registration}/letters")
    stranger = [await identity.client.post(f"/v1/registrations/{unknown}/letters") for _ in range(2)]
    await identity.let_pass("letter_requests", "created_at", "61 seconds")
    later = await identity.client.post(f"/v1/registrations/{registration}/letters")
    await identity.decide()

    assert (problem(early)["code"], 0 < int(early.headers["retry-after"]) <= 61) == ("too-many-letters", True)
    assert [answer.status_code for answer in stranger] == [202, 429]
    assert later.status_code == 202
    first, second = await identity.confirmations()
    assert (await identity.confirm(second.token)).status_code == 200
    assert (await identity.confirm(first.token)).status_code == 410


async def test_consent_is_asked_for_where_a_document_is_set(open_service: Callable[..., Awaitable[Running]]) -> None:
    identity = Identity(await open_service(service, consent_document="personal-data-2026"))

    without = await identity.register()
    given = await identity.register(consents=["personal-data-2026"])

    assert field_codes(without) == {"consents": "consent-required"}
    assert given.status_code == 201


async def test_registration_gets_five_letters_a_day(identity: Identity) -> None:
    registration = (await identity.register()).json()["id"]
    answers = []
    for _ in range(5):
        await identity.let_pass("letter_requests", "created_at", "61 seconds")
        answers.append(await identity.client.post(f"/v1/registrations/{registration}/letters"))
        await identity.decide()

    assert [answer.status_code for answer in answers] == [202] * 4 + [429]
    assert len(await identity.confirmations()) == 5


async def test_dead_registration_is_not_confirmed_by_a_late_letter(identity: Identity) -> None:
    registration = (await identity.register()).json()["id"]
    await identity.let_pass("users", "created_at", "73 hours")
    await identity.let_pass("letter_requests", "created_at", "73 hours")
    await identity.client.post(f"/v1/registrations/{registration}/letters")
    await identity.decide()

    assert problem(await identity.confirm((await identity.confirmations())[-1].token))["code"] == "link-not-valid"
    assert problem(await identity.sign_in())["code"] == "invalid-credentials"
    assert await identity.running.said(UserRegistered) == []


async def test_hundred_identical_registrations_at_once_are_one(identity: Identity) -> None:
    key, proof = {"Idempotency-Key": "0123456789abcdef"}, identity.phone_proof()

    answers = await asyncio.gather(*(identity.register(headers=key, phone_proof=proof) for _ in range(100)))
    again = await identity.register(headers=key, phone_proof=proof)

    made = {answer.json()["id"] for answer in (*answers, again) if answer.status_code == 201}
    assert again.status_code == 201
    # Who came while the first was running: in flight, or, past its proof's ten tries, refused.
    assert {answer.status_code for answer in answers} <= {201, 409, 422, 503}
    assert await identity.running.rows("SELECT CAST(id AS text) FROM users") == [(one,) for one in made]
    assert len(await identity.running.said(EmailConfirmationRequested)) == 1
