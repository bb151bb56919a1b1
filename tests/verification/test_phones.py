"""`verification phones …`: why a number gets no code, and letting it go; who looked and why is kept."""

import asyncio
import os
import sys
from itertools import islice
from pathlib import Path

import pytest

from deploy.embedded.topics import FILE
from shared.contracts.verification import CodeRequested
from shared.mandate import Mandate
from tests.kit import Running, problem
from tests.verification.asking import PHONE, ask, asked, check, let_pass, phones, statuses, wrong
from tests.verification.conftest import Open
from verification import numbers
from verification import phones as support


@pytest.fixture
def environment(verification: Running, keys: Path, redis_url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "COLUMNS": "120",
        "VERIFICATION_DATABASE_URL": verification.kernel.settings.database_url.get_secret_value(),
        "VERIFICATION_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "VERIFICATION_REDIS_URL": f"{redis_url}/0",
        "VERIFICATION_PUBLIC_KEYS_FILE": str(keys / "public.jwks.json"),
        "VERIFICATION_PRIVATE_KEYS_FILE": str(keys / "verification.private.jwks.json"),
        "VERIFICATION_TOPICS_FILE": str(FILE),
    }


async def run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Exit code and what was said of `verification phones …`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "verification", "phones", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode()


BY = ("--by", "olga", "--reason", "call 4711: no code comes")
WHY = Mandate("olga", "call 4711")


async def test_show_tells_budgets_and_every_refusal_and_keeps_the_look(
    verification: Running, environment: dict[str, str]
) -> None:
    code_id, code = await asked(verification)
    await check(verification, code_id, wrong(code))
    await ask(verification)
    await ask(verification)

    exit_code, said = await run(environment, "show", PHONE, *BY)

    assert exit_code == 0
    assert "+7 912 •••-••-89 (RU)" in said
    assert "SMS in 24 hours: 1 of 5" in said
    assert "Wrong tries in 24 hours: 1 of 10" in said
    assert "+7912345, in an hour: 0 of 1 SMS verified" in said
    assert said.count("resend") == 2
    assert "9123456789" not in said
    kept = await verification.rows("SELECT act, done_by, reason FROM phone_acts")
    assert kept == [("show", "olga", "call 4711: no code comes")]
    assert "olga" in (await run(environment, "show", "+79123456789", *BY))[1]


async def test_show_of_a_number_that_never_asked(verification: Running, environment: dict[str, str]) -> None:
    exit_code, said = await run(environment, "show", "+79130000001", *BY)

    assert exit_code == 0
    assert "SMS in 24 hours: 0 of 5" in said
    assert "Refusals: 0" in said


async def test_number_that_is_not_served_can_be_looked_at(verification: Running, environment: dict[str, str]) -> None:
    await ask(verification, "+16502530000")

    assert "country-not-served" in (await run(environment, "show", "+16502530000", *BY))[1]


async def test_release_lets_the_number_ask_at_once(verification: Running, environment: dict[str, str]) -> None:
    for _ in range(5):
        await ask(verification)
        await let_pass(verification, 61)
    assert (await ask(verification)).status_code == 429

    exit_code, said = await run(environment, "release", PHONE, *BY)

    assert exit_code == 0
    assert "released until" in said
    assert (await ask(verification)).status_code == 202
    assert [row[0] for row in await verification.rows("SELECT act FROM phone_acts")] == ["release"]


async def test_release_gives_wrong_tries_back(verification: Running, environment: dict[str, str]) -> None:
    for _ in range(2):
        code_id, code = await asked(verification)
        for _ in range(5):
            await check(verification, code_id, wrong(code))
        await let_pass(verification, 61)
    code_id, code = await asked(verification)
    assert (await check(verification, code_id, code)).status_code == 410

    await run(environment, "release", PHONE, *BY)

    assert (await check(verification, code_id, code)).status_code == 200


async def test_released_number_passes_its_blocked_range_and_address_for_an_hour(
    open_verification: Open,
) -> None:
    verification = await open_verification(prefix_sends_per_hour=3, address_sends_per_hour=3)
    numbers_of_range = phones()
    await asyncio.gather(*(ask(verification, phone) for phone in islice(numbers_of_range, 4)))
    mine, neighbour = next(numbers_of_range), next(numbers_of_range)
    assert statuses([await ask(verification, mine), await ask(verification, neighbour)]) == {429: 2}

    async with verification.kernel.database.transaction() as session:
        await support.release(session, numbers.read(mine, "RU"), WHY, verification.wired)

    assert statuses([await ask(verification, mine), await ask(verification, neighbour)]) == {202: 1, 429: 1}
    assert await verification.rows("SELECT cardinality(sent) FROM prefixes") == [(4,)]
    await verification.rows("UPDATE phones SET released_until = now() - interval '1 second', sent = '{}' RETURNING 1")
    assert problem(await ask(verification, mine))["code"] == "too-many-codes"


async def test_release_does_not_pass_by_the_money(open_verification: Open) -> None:
    verification = await open_verification(money_per_hour_roubles=4)
    await ask(verification, "+79130000001")
    async with verification.kernel.database.transaction() as session:
        await support.release(session, numbers.read(PHONE, "RU"), WHY, verification.wired)

    assert (await ask(verification)).status_code == 503
    assert len(await verification.said(CodeRequested)) == 1


async def test_act_without_who_and_why_is_refused(verification: Running, environment: dict[str, str]) -> None:
    assert (await run(environment, "show", PHONE))[0] == 2
    assert (await run(environment, "release", PHONE, "--by", "olga"))[0] == 2
    blank = await run(environment, "release", PHONE, "--by", " ", "--reason", "call 4711")
    assert blank == (2, "Say who does it (--by) and why (--reason); both are kept.\n")
    assert (await run(environment, "show", PHONE, "--by", "olga", "--reason", ""))[0] == 2
    assert await verification.rows("SELECT count(*) FROM phone_acts") == [(0,)]


async def test_what_is_no_number_is_one_line(verification: Running, environment: dict[str, str]) -> None:
    exit_code, said = await run(environment, "show", "petrova", *BY)

    assert exit_code == 1
    assert said.startswith("That is no phone number.")
    assert "Traceback" not in said
