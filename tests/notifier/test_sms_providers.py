"""Two SMS providers: the second helps when the first is down, and never while the first may have the message."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from notifier.main import service
from notifier.rules import Answer, Outcome
from notifier.sms_providers import FAILURES, REST_SECONDS, Breaker, Provider, choose, may_go_elsewhere
from shared.contracts.notifier import NotificationFailed
from tests.kit import Running, eventually
from tests.notifier import facts
from tests.notifier.conftest import Open
from tests.notifier.outside import FormGateway, Gateway, form_gateway
from tests.notifier.test_delivering import died_while_handing_over, hurry, working


@pytest.fixture
async def older() -> AsyncIterator[FormGateway]:
    async with form_gateway() as opened:
        yield opened


@pytest.fixture
async def both(open_notifier: Open, older: FormGateway) -> Running:
    return await open_notifier(sms_price_kopecks=410, **second(older))


def second(older: FormGateway) -> dict[str, str]:
    """The settings of a second provider."""
    return {
        "sms_backup_url": older.url,
        "sms_backup_login": "kabinet",
        "sms_backup_password": "the-password",
    }


def text_of(older: FormGateway) -> list[str]:
    return [form["text"] for form in older.sent]


async def run_until_ended(running: Running) -> Any:
    async with working(running, service.loops):
        (row,) = await facts.ended(running)
    return row


async def asked(running: Running) -> list[tuple[str, str]]:
    return [tuple(row) for row in await running.rows("SELECT provider, outcome FROM attempts ORDER BY started_at")]


async def test_first_provider_alone_is_asked_while_it_is_well(
    both: Running, operator: Gateway, older: FormGateway
) -> None:
    before = REGISTRY.get_sample_value("kabinet_sms_cost_kopecks_total", {"provider": "primary"}) or 0
    await both.hears(facts.code())

    row = await run_until_ended(both)

    assert (row.status, len(operator.requests), older.asked) == ("sent", 1, [])
    assert REGISTRY.get_sample_value("kabinet_sms_cost_kopecks_total", {"provider": "primary"}) == before + 410


@pytest.mark.parametrize("refusal", [[503] * 3, [429] * 3, [401], [422], [404]])
async def test_code_goes_to_the_second_provider_at_once_where_the_first_surely_did_not_take_it(
    both: Running, operator: Gateway, older: FormGateway, refusal: list[int | str]
) -> None:
    operator.behaviours = refusal
    await both.hears(facts.code())

    row = await run_until_ended(both)

    assert (row.status, len(older.sent)) == ("sent", 1)
    assert [provider for provider, _ in await asked(both)] == ["primary", "backup"]


async def test_code_that_the_first_may_have_taken_never_goes_to_the_second(
    both: Running, operator: Gateway, older: FormGateway
) -> None:
    operator.behaviours = ["hang up"] * 9
    await both.hears(facts.code())

    async with working(both, service.loops):
        for tries in (1, 2, 3):
            found = f"SELECT 1 FROM attempts WHERE outcome = 'unknown' HAVING count(*) = {tries}"
            await eventually(lambda sql=found: both.rows(sql), 30)  # type: ignore[misc]
            await hurry(both)
        (row,) = await facts.ended(both)

    assert row.status == "unknown"
    assert {request["message_id"] for request in operator.requests} == {str(row.id)}
    assert older.asked == []


async def test_code_whose_answer_the_older_provider_lost_is_not_sent_again_by_anybody(
    both: Running, operator: Gateway, older: FormGateway
) -> None:
    operator.behaviours = [422]
    older.behaviours, older.fates = ["hang up"], ["unknown"] * 3
    await both.hears(facts.code())

    row = await run_until_ended(both)

    assert (row.status, len(older.sent), len(operator.requests)) == ("unknown", 1, 1)
    assert [event.reason for event in await both.said(NotificationFailed)] == ["unknown"]


async def test_code_that_both_refuse_has_failed(both: Running, operator: Gateway, older: FormGateway) -> None:
    operator.behaviours, older.behaviours = [422], [400]
    await both.hears(facts.code())

    row = await run_until_ended(both)

    assert row.status == "failed"
    assert await asked(both) == [("primary", "refused"), ("backup", "refused")]


async def test_code_whose_worker_died_over_the_older_provider_is_unknown(both: Running, older: FormGateway) -> None:
    await both.hears(facts.code())
    await died_while_handing_over(both, "sms", provider="backup", repeatable=False)
    await hurry(both)

    row = await run_until_ended(both)

    assert (row.status, older.asked) == ("unknown", [])


@dataclass(frozen=True)
class Silent:
    """A door that nobody knocks at."""

    repeatable: bool = True

    async def send(self, message_id: str, to: str, text: str, seconds: float) -> Answer:
        raise AssertionError


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Pair:
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.first, self.second = (
            Provider(name, Silent(), breaker=Breaker(self.clock)) for name in ("primary", "backup")
        )
        self.both = [self.first, self.second]


WELL, DOWN = Answer(Outcome.ACCEPTED), Answer(Outcome.TRY_LATER)


def test_breaker_lets_one_message_at_a_time_find_out_whether_all_is_well() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.lets_through
        breaker.end(DOWN)
    assert not breaker.lets_through

    clock.now += REST_SECONDS
    assert breaker.lets_through
    breaker.begin()
    assert not breaker.lets_through, "one is enough"
    breaker.end(WELL)
    assert breaker.lets_through


def test_refused_messages_open_no_breaker() -> None:
    breaker = Breaker(Clock())
    for _ in range(FAILURES * 3):
        breaker.end(Answer(Outcome.REFUSED))

    assert breaker.lets_through


def test_second_is_asked_first_while_the_firsts_breaker_is_open() -> None:
    pair = Pair()
    for _ in range(FAILURES):
        pair.first.breaker.end(DOWN)

    assert choose(pair.both, {}) is pair.second
    assert choose(pair.both, {"primary": (1, False, True)}) is None, "the first may have it"


def test_provider_at_its_rate_is_passed_over_unless_it_may_have_the_message() -> None:
    pair = Pair()

    assert choose(pair.both, {}, {"primary"}) is pair.second
    assert choose(pair.both, {}, {"primary", "backup"}) is None
    assert choose(pair.both, {"primary": (1, False, True)}, {"primary"}) is None


async def test_code_takes_no_turn_that_is_too_far_away_and_goes_to_the_second(
    open_notifier: Open, operator: Gateway, older: FormGateway
) -> None:
    running = await open_notifier(sms_per_second=1, **second(older))
    await running.rows("INSERT INTO turns VALUES ('provider primary', now() + interval '1 hour') RETURNING 1")
    await running.hears(facts.code())

    row = await run_until_ended(running)

    assert (row.status, operator.requests, len(older.sent)) == ("sent", [], 1)


@pytest.mark.parametrize("phone", ["112", "+7912345678901234", "89123456789", "+7 912 3456789", "+79123456789\n", ""])
async def test_no_provider_is_asked_for_what_is_no_number(both: Running, operator: Gateway, phone: str) -> None:
    await both.hears(facts.code(phone=phone))

    row = await run_until_ended(both)

    assert (row.status, operator.requests, await asked(both)) == ("failed", [], [])


counts = st.tuples(st.integers(0, 5), st.booleans(), st.booleans())


@given(st.dictionaries(st.sampled_from(["primary", "backup"]), counts), st.sampled_from(list(Outcome)))
def test_nobody_else_is_asked_while_somebody_may_have_it(
    asked_before: dict[str, tuple[int, bool, bool]], outcome: Outcome
) -> None:
    pair = Pair()
    chosen = choose(pair.both, asked_before)
    unknown = [name for name, (_times, _refused, unknown) in asked_before.items() if unknown]

    assert chosen is None or not unknown or chosen.name in unknown
    if chosen is not None:
        goes = may_go_elsewhere(Answer(outcome), chosen, pair.both, asked_before)
        assert not (goes and (unknown or outcome not in (Outcome.REFUSED, Outcome.TRY_LATER)))
