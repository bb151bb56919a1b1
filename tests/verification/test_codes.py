"""Codes over HTTP, on real PostgreSQL and Redis."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from joserfc import jwt

from shared.contracts.verification import CodeRequested, PhoneVerified
from tests.kit import Running, field_codes, problem
from tests.verification.asking import ask, check, let_pass, send_again, sent_code, wrong
from verification.main import service


async def test_asked_code_goes_out_sealed(verification: Running) -> None:
    answer = await ask(verification)

    assert answer.status_code == 202
    assert answer.json().keys() == {"id", "length", "expires_at", "resend_at"}
    [event] = await verification.said(CodeRequested)
    assert (event.send, event.purpose, event.locale) == (1, "registration", "ru")
    [(value,)] = await verification.rows("SELECT convert_from(value, 'UTF8') FROM outbox")
    assert "9123456789" not in value
    assert len(await sent_code(verification)) == answer.json()["length"] == 5


async def test_right_code_gives_a_proof_of_the_phone(verification: Running) -> None:
    code_id = (await ask(verification)).json()["id"]

    answer = await check(verification, code_id, await sent_code(verification))

    assert answer.status_code == 200
    keys = verification.kernel.public_keys.of("verification", "sign")
    proof = jwt.decode(answer.json()["phone_proof"], keys, algorithms=["EdDSA"])
    assert proof.header["typ"] == "phone-proof+jwt"
    assert (proof.claims["phone"], proof.claims["purpose"]) == ("+79123456789", "registration")
    assert await verification.said(PhoneVerified)


async def test_code_bears_five_checks(verification: Running) -> None:
    code_id, code = (await ask(verification)).json()["id"], await sent_code(verification)

    answers = [await check(verification, code_id, wrong(code)) for _ in range(5)]

    assert [problem(answer)["attempts_left"] for answer in answers] == [4, 3, 2, 1, 0]
    assert problem(await check(verification, code_id, code))["code"] == "code-not-valid"


async def test_phone_bears_ten_wrong_checks_a_day_over_all_codes(verification: Running) -> None:
    for _ in range(2):
        code_id = (await ask(verification)).json()["id"]
        code = await sent_code(verification)
        for _ in range(5):
            await check(verification, code_id, wrong(code))
        await let_pass(verification, 61)
    code_id = (await ask(verification)).json()["id"]

    answer = await check(verification, code_id, await sent_code(verification))

    assert problem(answer)["code"] == "code-not-valid"


async def test_second_code_within_a_minute_is_refused_with_the_time_left(verification: Running) -> None:
    await ask(verification)

    answer = await ask(verification, "+79123456789")

    assert problem(answer)["code"] == "too-many-codes"
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert len(await verification.said(CodeRequested)) == 1


async def test_phone_gets_five_codes_a_day(verification: Running) -> None:
    for _ in range(5):
        assert (await ask(verification)).status_code == 202
        await let_pass(verification, 61)

    answer = await ask(verification)

    assert problem(answer)["code"] == "too-many-codes"
    assert int(answer.headers["retry-after"]) > 3600


async def test_code_is_sent_again_as_it_was(verification: Running) -> None:
    first = (await ask(verification)).json()
    code = await sent_code(verification)
    await let_pass(verification, 61)

    answer = await send_again(verification, first["id"])

    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["expires_at"]) == (first["id"], first["expires_at"])
    assert await sent_code(verification) == code
    assert [event.send for event in await verification.said(CodeRequested)] == [1, 2]


async def test_sending_again_too_early_is_refused(verification: Running) -> None:
    code_id = (await ask(verification)).json()["id"]

    answer = await send_again(verification, code_id)

    assert problem(answer)["code"] == "too-many-codes"


async def test_unknown_code_is_not_valid(verification: Running) -> None:
    unknown = "019ac000-0000-7000-8000-000000000000"

    assert problem(await check(verification, unknown, "12345"))["code"] == "code-not-valid"
    assert problem(await send_again(verification, unknown))["status"] == 410


@pytest.mark.parametrize("typed", ["１２３４５", "1e345", "", "+1234", "123456789012345"])
async def test_what_is_not_the_code_in_ascii_digits_is_wrong(verification: Running, typed: str) -> None:
    code_id = (await ask(verification)).json()["id"]

    assert problem(await check(verification, code_id, typed))["code"] == "wrong-code"


async def test_spaces_in_a_code_are_dropped(verification: Running) -> None:
    code_id, code = (await ask(verification)).json()["id"], await sent_code(verification)

    assert (await check(verification, code_id, f" {code[:2]} {code[2:]} ")).status_code == 200


@pytest.mark.parametrize("phone", ["12", "+1 212 555 0100", "8 809 123-45-67", "８９１２３４５６７８９", "phone"])
async def test_number_that_gets_no_codes_is_refused(verification: Running, phone: str) -> None:
    assert field_codes(await ask(verification, phone)) == {"phone": "phone-invalid"}
    assert await verification.said() == []


async def test_same_idempotency_key_sends_one_code(verification: Running) -> None:
    key = {"Idempotency-Key": "0123456789abcdef"}

    first, second = await ask(verification, **key), await ask(verification, **key)

    assert (second.status_code, second.json()) == (202, first.json())
    assert len(await verification.said(CodeRequested)) == 1


async def test_without_redis_nothing_is_sent(open_service: Callable[..., Awaitable[Running]]) -> None:
    verification = await open_service(service, redis_url="redis://127.0.0.1:1/0")

    answer = await ask(verification)

    assert problem(answer)["code"] == "codes-unavailable"
    assert answer.headers["retry-after"]
    assert await verification.said() == []
    ready: Any = await verification.client.get("/readyz")
    assert (ready.status_code, list(ready.json()["missing"])) == (503, ["redis"])
