"""Many at once: tries are counted before they are judged, and a code is right once."""

import asyncio

from shared.contracts.verification import CodeRequested, PhoneVerified
from tests.kit import Running, problem
from tests.verification.asking import PHONE, ask, asked, check, let_pass, send_again, sent_code, statuses, wrong


async def test_two_hundred_parallel_tries_are_five_checks(verification: Running) -> None:
    code_id, code = await asked(verification)

    answers = await asyncio.gather(*(check(verification, code_id, wrong(code)) for _ in range(200)))

    assert statuses(answers) == {410: 195, 422: 5}
    judged = [problem(answer)["attempts_left"] for answer in answers if answer.status_code == 422]
    assert sorted(judged) == [0, 1, 2, 3, 4]
    assert problem(await check(verification, code_id, code))["code"] == "code-not-valid"


async def test_hundred_parallel_right_codes_are_right_once(verification: Running) -> None:
    code_id, code = await asked(verification)

    answers = await asyncio.gather(*(check(verification, code_id, code) for _ in range(100)))

    assert statuses(answers) == {200: 1, 410: 99}
    assert len(await verification.said(PhoneVerified)) == 1
    assert await verification.rows("SELECT cardinality(tried) FROM phones") == [(0,)]


async def test_parallel_tries_at_all_codes_of_a_phone_are_ten_a_day(verification: Running) -> None:
    codes = []
    for _ in range(4):
        codes.append(await asked(verification))
        await let_pass(verification, 61)

    answers = await asyncio.gather(
        *(check(verification, code_id, wrong(code)) for code_id, code in codes for _ in range(50))
    )

    assert statuses(answers) == {410: 190, 422: 10}
    assert await verification.rows("SELECT cardinality(tried) FROM phones") == [(10,)]


async def test_parallel_asks_of_a_phone_send_one_code(verification: Running) -> None:
    answers = await asyncio.gather(*(ask(verification, PHONE) for _ in range(40)))

    assert statuses(answers) == {202: 1, 429: 39}
    assert len(await verification.said(CodeRequested)) == 1


async def test_parallel_repeats_with_one_key_send_one_code(verification: Running) -> None:
    key = {"Idempotency-Key": "0123456789abcdef"}

    answers = await asyncio.gather(*(ask(verification, PHONE, **key) for _ in range(20)))

    assert set(statuses(answers)) <= {202, 409, 429}
    assert len({answer.text for answer in answers if answer.status_code == 202}) == 1
    assert len(await verification.said(CodeRequested)) == 1


async def test_parallel_resends_are_one_sms(verification: Running) -> None:
    code_id, _ = await asked(verification)
    await let_pass(verification, 61)

    answers = await asyncio.gather(*(send_again(verification, code_id) for _ in range(40)))

    assert statuses(answers) == {202: 1, 429: 39}
    assert [event.send for event in await verification.said(CodeRequested)] == [1, 2]


async def test_resend_that_races_a_right_check_never_follows_it(verification: Running) -> None:
    for _ in range(5):
        await let_pass(verification, 86_401)
        code_id, code = await asked(verification)
        await let_pass(verification, 61)

        right, again = await asyncio.gather(check(verification, code_id, code), send_again(verification, code_id))

        assert right.status_code == 200
        assert again.status_code in (202, 410)
        said = [type(one) for one in await verification.said() if str(one.code_id) == code_id]
        assert said[-1] is PhoneVerified
        assert said.count(CodeRequested) == (2 if again.status_code == 202 else 1)


async def test_resend_beside_wrong_tries_gives_no_check_back(verification: Running) -> None:
    code_id, code = await asked(verification)
    await let_pass(verification, 61)

    *tries, again = await asyncio.gather(
        *(check(verification, code_id, wrong(code)) for _ in range(3)), send_again(verification, code_id)
    )

    assert again.status_code == 202
    assert sorted(problem(one)["attempts_left"] for one in tries) == [2, 3, 4]
    assert problem(await check(verification, code_id, wrong(code)))["attempts_left"] == 1


async def test_code_that_redis_brings_back_after_it_was_right_is_not_right_again(verification: Running) -> None:
    code_id, code = await asked(verification)
    redis = verification.wired.live._redis
    before = await redis.dump(f"code:{code_id}")
    assert (await check(verification, code_id, code)).status_code == 200

    await redis.restore(f"code:{code_id}", 60_000, before)  # as a replica that took over without the last second

    assert problem(await check(verification, code_id, code))["code"] == "code-not-valid"
    await let_pass(verification, 61)
    assert problem(await send_again(verification, code_id))["code"] == "code-not-valid"
    assert len(await verification.said(PhoneVerified)) == 1
    assert await sent_code(verification) == code
