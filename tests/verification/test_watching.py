"""What the guards tell those who run the service: readiness, metrics, log lines."""

import re
from itertools import islice

import pytest
from structlog.testing import capture_logs

from shared.logging import mask_personal
from tests.kit import Running
from tests.verification.asking import ask, asked, check, let_pass, phones, sent_code, wrong
from tests.verification.conftest import Open


async def metric(running: Running, name: str) -> float:
    """The value of one line of /metrics."""
    scraped = (await running.client.get("/metrics")).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", scraped, re.MULTILINE)
    assert found, name
    return float(found[1])


async def degraded(running: Running) -> dict[str, str]:
    ready = await running.client.get("/readyz")
    assert ready.status_code == 200
    told: dict[str, str] = ready.json().get("degraded", {})
    return {name: why for name, why in told.items() if name.startswith("sms_")}


async def test_guess_bounds_are_said_at_start_and_exported(open_verification: Open) -> None:
    with capture_logs(processors=[mask_personal]) as logged:
        verification = await open_verification()

    [line] = [one for one in logged if one["event"] == "guess_bounds_computed"]
    assert (line["per_code"], line["per_number_day"]) == (5e-5, 1e-4)
    assert line["per_number_year"] == pytest.approx(0.0358, abs=1e-4)
    assert await metric(verification, 'kabinet_code_guess_bound{per="code"}') == 5e-5
    assert await metric(verification, 'kabinet_code_guess_bound{per="phone-day"}') == 1e-4
    assert await metric(verification, 'kabinet_code_guess_bound{per="phone-year"}') == pytest.approx(0.0358, abs=1e-4)


@pytest.mark.parametrize("window", ["hour", "day"])
async def test_spent_money_raises_one_alarm_a_minute_and_degrades_readiness(
    open_verification: Open, window: str
) -> None:
    verification = await open_verification(**{f"money_per_{window}_roubles": 8})
    numbers = phones(apart=10_000)
    refused = f'kabinet_codes_refused_total{{rule="money-{window}"}}'
    for phone in islice(numbers, 1):
        await ask(verification, phone)
    assert await degraded(verification) == {}

    await ask(verification, next(numbers))
    with capture_logs(processors=[mask_personal]) as logged:
        await ask(verification, next(numbers))
        before = await metric(verification, refused)
        await ask(verification, next(numbers))

    assert [one["log_level"] for one in logged if one["event"] == "sms_money_spent"] == ["error"]
    told = await degraded(verification)
    assert "2 SMS went out in the last " + window in told["sms_money"]
    assert await metric(verification, f'kabinet_sms_money_spent_roubles{{window="{window}"}}') == 8
    assert await metric(verification, f'kabinet_sms_money_cap_roubles{{window="{window}"}}') == 8
    assert await metric(verification, refused) == before + 1
    await let_pass(verification, 86_401)
    assert await degraded(verification) == {}


async def test_blocked_range_is_named_until_its_people_verify(open_verification: Open) -> None:
    verification = await open_verification(prefix_sends_per_hour=2)
    numbers = phones()
    await ask(verification, next(numbers))
    assert await degraded(verification) == {}

    last = (await ask(verification, next(numbers))).json()["id"]

    assert "+7912345" in (await degraded(verification))["sms_prefixes"]
    assert await metric(verification, "kabinet_sms_prefixes_blocked") == 1
    assert (await check(verification, last, await sent_code(verification))).status_code == 200
    assert await degraded(verification) == {}
    assert await metric(verification, "kabinet_sms_prefixes_blocked") == 0


async def test_metrics_are_told_while_the_database_is_away(
    verification: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(verification.kernel.database, "transaction", away)

    assert (await verification.client.get("/metrics")).status_code == 200


async def test_codes_are_counted_from_the_sms_to_the_right_one(open_verification: Open) -> None:
    verification = await open_verification(address_sends_per_hour=1)
    sent = 'kabinet_codes_sent_total{purpose="registration",send="first"}'
    counters = sent, *(f'kabinet_codes_{what}_total{{purpose="registration"}}' for what in ("wrong", "verified"))
    before = [await metric(verification, name) for name in counters]
    code_id, code = await asked(verification)

    await ask(verification, next(phones()))  # one too many from this address: it is rolled back
    await check(verification, code_id, wrong(code))
    await check(verification, code_id, code)

    assert [await metric(verification, name) for name in counters] == [count + 1 for count in before]
