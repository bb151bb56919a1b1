"""The whole journey over the whole set, what it tells those who run it, and what it must not leave behind."""

import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.embedded import sample
from deploy.embedded.journey import STEPS, Journey
from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.person import NEW_PASSWORD, PASSWORD
from deploy.observability.receiver import Received, receiver
from deploy.observability.trace import PHONE, ask_on_a_page, traced, whole
from tests.journeys import left_behind
from tests.observability.said import asked, expressions

# What the people of the journey typed: as text, and as it would stand inside JSON.
CANARIES = (
    "petrova",
    "semenov@",
    "9123456789",
    "912 345-67-89",
    PASSWORD,
    NEW_PASSWORD,
    "Анна Петрова",
    "Не приходит",
    "Дача",
)
SERVICES = ("identity", "verification", "billing-link", "notifier", "portal")
MOST_SERIES = 1000
"""Of one program after the journey. Routes and kinds of messages are most of them."""
# Every label and the values that it may have, so that no name, number or id becomes one.
WORD = r"[a-z][a-z0-9]*(?:[-_ ][a-z0-9]+)*"
LABELS = {
    **dict.fromkeys(("check", "level", "per", "window", "amounts", "rule", "code", "outcome", "of", "asked"), WORD),
    **dict.fromkeys(("channel", "class", "status", "kind", "provider", "origin", "reason", "purpose", "send"), WORD),
    **dict.fromkeys(("pool", "resolution", "alphabet"), WORD),
    "topic": r"[a-z-]+\.events",
    "type": r"[a-z_]+\.[a-z_]+\.v\d",
    "method": r"[A-Z]+|other",
    "route": r"unrouted|(?:/(?:[a-z0-9.-]+|\{[a-z_]+(?::(?:uuid|path))?\}))+|/",
    "status_of_http": r"[1-5]\d\d|0",
    "le": r"\+Inf|[0-9.]+",
    "version": r"\d+\.\d+\.\d+",
}
# The columns in which a dump shows somebody in the clear: what each service is there to keep.
IN_THE_CLEAR = {
    "billing-link.links.alias",
    "identity.one_time_tokens.email",
    "identity.users.email",
    "identity.users.login",
    "identity.users.login_key",
    "identity.users.phone",
    "notifier.contacts.email",
    "notifier.contacts.phone",
}


@dataclass
class Walked:
    """Somebody who has walked the whole way, and what was told of it."""

    person: Journey
    kabinet: EmbeddedSet
    traces: Received
    from_a_page: str
    """The trace of a code that was asked for in the cabinet."""
    errors: list[str]
    """The bodies of all answers that were errors."""

    @property
    def http(self) -> httpx2.AsyncClient:
        return self.person.http


@pytest.fixture(scope="module")
async def walked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Walked]:
    folder: Path = tmp_path_factory.mktemp("journey")
    made = sample.make(folder / "sample", datetime.now(ZoneInfo("Europe/Moscow")).date())
    errors: list[str] = []

    async def keep_error(answer: httpx2.Response) -> None:
        if answer.status_code >= 400:
            errors.append((await answer.aread()).decode())

    with receiver() as traces:
        overrides = {**traced(traces.endpoint), "VERIFICATION_RESEND_AFTER_SECONDS": "1"}
        async with (
            EmbeddedSet(folder / "set", free_ports=True, overrides=overrides) as kabinet,
            httpx2.AsyncClient(timeout=30, event_hooks={"response": [keep_error]}) as http,
        ):
            await kabinet.run("billing-link", "import", "--accounts", made.accounts, "--payments", made.payments)
            await kabinet.run("identity", "import-legacy", made.legacy_users)
            person = Journey(kabinet=kabinet, sample=made, http=http)
            for _title, step in STEPS:
                await step(person)
            from_a_page = await ask_on_a_page(kabinet.urls["portal"], PHONE)
            await whole(traces, from_a_page)
            yield Walked(person, kabinet, traces, from_a_page, errors)


def canaries_in(texts: Iterable[str], *more: str) -> set[str]:
    return {canary for text in texts for canary in (*CANARIES, *more) if canary in text}


async def test_whoever_came_last_is_signed_in(walked: Walked) -> None:
    token = walked.person.tokens["access_token"]
    me = await walked.person.call("GET", "identity", "/v1/me", 200, token=token)

    assert (me.json()["email"], me.json()["email_confirmed"]) == ("semenov@example.org", False)


async def test_nothing_was_parked(walked: Walked) -> None:
    for service in SERVICES:
        ready = await walked.http.get(f"{walked.kabinet.urls[service]}/readyz")
        assert ready.json() == {"status": "ready"}, service


async def test_a_code_is_one_trace_from_the_page_to_the_sms(walked: Walked) -> None:
    spans = walked.traces.trace(walked.from_a_page)

    assert [(span.service, span.name) for span in spans if not span.parent_id] == [("portal", "POST /registration")]
    steps = [span.name for span in spans if span.attributes.get("db.system") is None]
    way = (
        *("POST /registration", "POST verification", "POST /v1/codes", "send verification.code_requested.v1"),
        *("hear verification.code_requested.v1", "hand over sms", "ask the provider"),
    )
    assert [name for name in steps if name in way] == list(way)
    assert {span.trace_id for span in spans} == {walked.from_a_page}
    assert {span.parent_id for span in spans if span.parent_id} <= {span.span_id for span in spans}
    assert any(span.attributes.get("kabinet.outcome") == "accepted" for span in spans)


async def test_letters_and_a_link_are_one_trace_each(walked: Walked) -> None:
    of_trace: dict[str, set[str]] = {}
    for span in walked.traces.spans:
        of_trace.setdefault(span.trace_id, set()).add(span.name)

    ways = (
        {"POST /v1/registrations", "hear identity.email_confirmation_requested.v1"},
        {"POST /v1/password-recoveries", "decide a letter of recovery", "hear identity.password_recovery_requested.v1"},
        {"POST /v1/link-requests", "hear billing_link.link_requested.v1", "hear billing_link.account_linked.v1"},
    )
    for way in ways:
        assert any({*way, "ask the mail server"} <= names for names in of_trace.values()), way


async def test_a_trace_leads_to_the_log_lines_of_every_program_that_it_went_through(walked: Walked) -> None:
    told = {
        service: [json.loads(line)["event"] for line in log.splitlines() if walked.from_a_page in line]
        for service, log in left_behind.logs(walked.kabinet).items()
    }

    assert "request_answered" in told["portal"]
    assert "request_answered" in told["verification"]
    assert "notification_settled" in told["notifier"]


async def test_nothing_that_people_typed_or_got_is_in_logs_traces_metrics_and_errors(walked: Walked) -> None:
    secrets = await left_behind.sent_secrets(walked.http, walked.kabinet.mailbox_url)
    tokens = [secret for secret in secrets if len(secret) > 16]  # a code's digits stand in many a number
    logs = left_behind.logs(walked.kabinet)

    assert set(SERVICES) <= logs.keys()
    assert len(tokens) >= 3
    assert len(walked.traces.spans) > 300
    assert len(walked.errors) >= 5
    for name, log in logs.items():
        assert canaries_in([log], *tokens) == set(), name
    assert canaries_in((body.decode("utf-8", "replace") for body in walked.traces.bodies), *tokens) == set()
    values = {value for span in walked.traces.spans for value in span.attributes.values()}
    assert values & secrets == set()
    assert canaries_in((await left_behind.metrics(walked.http, walked.kabinet)).values(), *tokens) == set()
    assert canaries_in(walked.errors, *tokens) == set()


async def test_topics_hold_ids_and_sealed_parts_only(walked: Walked) -> None:
    records = await left_behind.records(walked.kabinet.env["KAFKA_BOOTSTRAP_SERVERS"])

    assert len(records) > 20
    assert canaries_in(records) == set()


async def test_a_dump_shows_people_in_the_columns_that_are_for_them_alone(walked: Walked) -> None:
    found = {where async for where, value in left_behind.cells(walked.kabinet.env) if canaries_in([value])}

    assert found == IN_THE_CLEAR


async def test_redis_holds_nobody_in_the_clear(walked: Walked) -> None:
    urls = {walked.kabinet.env[f"{service}_REDIS_URL"] for service in ("PORTAL", "VERIFICATION")}
    texts = await left_behind.remembered(urls)

    assert any("portal:" in text for text in texts)
    assert canaries_in(texts) == set()


async def test_labels_of_metrics_have_few_and_known_values(walked: Walked) -> None:
    for program, scraped in (await left_behind.metrics(walked.http, walked.kabinet)).items():
        ours = [one for one in text_string_to_metric_families(scraped) if one.name.startswith("kabinet_")]
        samples = [one for family in ours for one in family.samples]
        for one in samples:
            for label, value in one.labels.items():
                http = label == "status" and one.name.startswith("kabinet_http_")
                assert re.fullmatch(LABELS["status_of_http" if http else label], value), f"{program}: {one}"
        assert len(samples) <= MOST_SERIES, program


async def test_every_metric_of_rules_and_dashboards_is_there(walked: Walked) -> None:
    """But for counters of what did not happen: they begin with the first of its kind."""
    scraped = "\n".join((await left_behind.metrics(walked.http, walked.kabinet)).values())
    there = set(re.findall(r"^# TYPE (\w+)", scraped, re.MULTILINE))
    looked_at = {name for _, expression in expressions() for name, _ in asked(expression)} - {"up"}

    families = {re.sub(r"_(bucket|sum|count)$", "", name) if name not in there else name for name in looked_at}
    assert families - there == set()
    gauges = re.findall(r"^(kabinet_\w+)(?:\{.*\})? (?:NaN|[0-9].*)$", scraped, re.MULTILINE)
    for name in ("notifications_overdue_seconds", "link_requests_oldest_seconds", "sms_money_spent_roubles"):
        assert f"kabinet_{name}" in gauges  # brought up to date by the service itself
