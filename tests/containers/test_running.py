"""The system of docker-compose.yml on a Docker engine: a person's way through the gateway, walls, ends, restarts."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest

from deploy.embedded import sample
from deploy.embedded.journey import STEPS, Journey, broker_pause, login, wrong_amount
from deploy.embedded.person import NEW_PASSWORD
from tests.containers.compose_file import ROOT, jobs
from tests.containers.conftest import Measured
from tests.containers.engine import Failed
from tests.containers.load import Load
from tests.containers.running_set import PROBES, PROJECT, RunningSet
from tests.kit import eventually

FILES = "/tmp/files"
SERVERS = ("postgres", "redis", "kafka")
# What is served without the part: nothing waits for a worker, for Kafka or for the mailbox.
NEEDED_BY = {
    "postgres": {"sign-in", "code"},
    "redis": {"page", "code"},
    "identity-api": {"sign-in"},
    "verification-api": {"code"},
    "portal": {"page"},
    "gateway": {"sign-in", "page", "code"},
}
KINDS = {"sign-in", "page", "code"}


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=30, headers={"Accept-Language": "ru"}) as client:
        yield client


@pytest.fixture(scope="module")
async def walked(
    kabinet: RunningSet, measured: Measured, http: httpx2.AsyncClient, tmp_path_factory: pytest.TempPathFactory
) -> Journey:
    """Somebody who has gone the whole way through the gateway; the billing data came in on the way."""
    folder = tmp_path_factory.mktemp("exports")
    person = Journey(
        kabinet=kabinet, http=http, sample=sample.make(folder, datetime.now(ZoneInfo("Europe/Moscow")).date())
    )
    titles = []
    await eventually(partial(kabinet.all_ready, http), 180)
    measured.add(f"- up, until every worker answers: {time.monotonic() - kabinet.began:.1f} s")
    for title, act in STEPS:
        if act is wrong_amount:
            await asyncio.to_thread(take_in, kabinet, measured, folder)
        if act is not broker_pause:  # it looks at /readyz, which the gateway lets nobody see
            began = time.monotonic()
            seen = await act(person)
            titles.append(f"- {title}: {time.monotonic() - began:.2f} s, {seen}")
        if act is login:
            measured.add(f"- up, until somebody is registered and signed in: {time.monotonic() - kabinet.began:.1f} s")
    measured.add("# Journey through the gateway", *titles)
    return person


def take_in(kabinet: RunningSet, measured: Measured, folder: Path) -> None:
    """The exports, through the imports as somebody on call runs them: in containers of the services' images."""
    folder.chmod(0o777)  # rejected rows are written beside the file, by another user
    run = ("run", "--rm", "-T", "--no-deps", "-v", f"{folder}:{FILES}")
    billing = ("--accounts", f"{FILES}/accounts.csv", "--payments", f"{FILES}/payments.csv")
    began = time.monotonic()
    kabinet.compose(*run, "billing-link-api", "import", *billing)
    kabinet.compose(*run, "identity-api", "import-legacy", f"{FILES}/legacy_users.csv")
    measured.add(f"- both imports, each in a container of its own: {time.monotonic() - began:.1f} s")


async def test_a_person_goes_the_whole_way_through_the_gateway(walked: Journey) -> None:
    me = await walked.call("GET", "identity", "/v1/me", 200, token=walked.tokens["access_token"])

    assert me.json()["origin"] == "migrated"


async def test_a_client_is_known_by_its_own_address_whatever_it_says(
    kabinet: RunningSet, walked: Journey, http: httpx2.AsyncClient
) -> None:
    said = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
    body = {"login": walked.login, "password": NEW_PASSWORD}
    answer = await http.post(f"{kabinet.urls['identity']}/v1/sessions", json=body, headers=said)

    token = answer.json()["access_token"]
    listed = (await walked.call("GET", "identity", "/v1/sessions", 200, token=token)).json()["items"]

    [address] = [one["address"] for one in listed if one["current"]]
    edge = kabinet.engine.inspect(f"{PROJECT}_edge")[0]["IPAM"]["Config"][0]["Gateway"]
    assert address == edge, "this machine, as the engine's network sees it"


async def test_what_is_not_public_is_not_behind_the_gateway(kabinet: RunningSet, http: httpx2.AsyncClient) -> None:
    origin = kabinet.urls["identity"]

    for path in ("/metrics", "/readyz", "/livez", "/openapi.json", "/v1/../metrics"):
        assert (await http.get(f"{origin}{path}")).status_code in (400, 404), path


def test_a_program_is_no_root_and_writes_to_nothing_of_its_image(kabinet: RunningSet) -> None:
    for service in (*PROBES, *SERVERS, "gateway"):
        container = kabinet.container(service)
        inside = kabinet.engine.docker("exec", container, "cat", "/proc/1/status")
        told = dict(line.split(":\t", 1) for line in inside.splitlines() if ":\t" in line)
        assert set(told["Uid"].split()) & {"0"} == set(), service
        assert int(told["CapEff"], 16) == 0, service
        assert told["NoNewPrivs"] == "1", service
        with pytest.raises(Failed):
            kabinet.engine.docker("exec", container, "touch", "/app/written" if service in PROBES else "/written")


def test_a_service_opens_no_other_services_database(kabinet: RunningSet) -> None:
    url = (ROOT / "var/compose/secrets/identity_database_url").read_text()
    own = "postgresql" + url.removeprefix("postgresql").replace("@postgres:", "@127.0.0.1:")

    def ask(address: str, statement: str) -> str:
        return kabinet.engine.docker("exec", kabinet.container("postgres"), "psql", address, "-tAc", statement).strip()

    assert ask(own, "SELECT current_user") == "identity"
    assert ask(own, "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'identity'") == "f"
    for name in ("verification", "billing_link", "notifier", "postgres", "template1"):
        with pytest.raises(Failed, match="permission denied"):
            ask(f"{own.rpartition('/')[0]}/{name}", "SELECT 1")


def test_a_service_sees_no_other_services_keys_in_redis(kabinet: RunningSet) -> None:
    url = (ROOT / "var/compose/secrets/portal_redis_url").read_text().replace("@redis:", "@127.0.0.1:")

    def ask(*words: str) -> str:
        return kabinet.engine.docker("exec", kabinet.container("redis"), "redis-cli", "-u", url, *words).strip()

    assert ask("GET", "portal:nothing") == ""
    assert "NOPERM" in ask("GET", "code:1")
    assert "NOPERM" in ask("CONFIG", "GET", "*")
    assert "NOPERM" in ask("KEYS", "*")


def test_nothing_but_the_gateway_and_the_mailbox_is_open_on_this_machine(kabinet: RunningSet) -> None:
    for service in kabinet.services():
        ports = kabinet.inspect(service)["NetworkSettings"]["Ports"] or {}
        bound = [binding for bindings in ports.values() if bindings for binding in bindings]
        assert all(binding["HostIp"] == "127.0.0.1" for binding in bound), service
        assert bool(bound) == (service in ("gateway", "mailbox")), service


def test_the_topics_job_may_run_again(kabinet: RunningSet) -> None:
    told = kabinet.compose("run", "--rm", "-T", "--no-deps", "topics")

    assert "as topics.yaml says" in told


async def test_every_part_ends_in_order_when_asked(
    kabinet: RunningSet, measured: Measured, http: httpx2.AsyncClient
) -> None:
    measured.add("# Stop, and start until it answers")
    for service in sorted(PROBES):
        began = time.monotonic()
        await asyncio.to_thread(kabinet.compose, "stop", service)
        stopped = time.monotonic() - began
        state = kabinet.inspect(service)["State"]
        assert state["ExitCode"] == 0, service
        assert not state["OOMKilled"], service

        began = time.monotonic()
        await asyncio.to_thread(kabinet.compose, "start", service)
        await eventually(partial(kabinet.ready, service, http), 120)
        measured.add(f"- {service}: stopped in {stopped:.1f} s, answers after {time.monotonic() - began:.1f} s")


async def test_every_part_comes_back_under_load_and_no_accepted_code_is_lost(
    kabinet: RunningSet, walked: Journey, measured: Measured, http: httpx2.AsyncClient
) -> None:
    async with httpx2.AsyncClient(timeout=15) as client:
        load = Load(kabinet, client, walked.login)
        load.start()
        await eventually(partial(load.good_again, KINDS, 0.0), 60)
        measured.add("# Under load, each part asked to restart, then killed (-9): until it answers, failed calls")
        memory = await asyncio.to_thread(kabinet.memory)

        for service in (*SERVERS, *PROBES, "gateway"):
            for how in ("restarted", "killed"):
                before, began = await asyncio.to_thread(kabinet.started_at, service), time.monotonic()
                if how == "restarted":
                    await asyncio.to_thread(kabinet.engine.docker, "restart", "-t", "20", kabinet.container(service))
                else:
                    await asyncio.to_thread(kabinet.crash, service)
                await eventually(partial(kabinet.ready, service, http, before), 180)
                back = time.monotonic()
                await eventually(partial(load.good_again, KINDS, back), 180)
                failed = load.failed(began)
                told = ", ".join(f"{count} × {what}" for what, count in sorted(failed.items())) or "none"
                measured.add(
                    f"- {service} {how}: {back - began:.1f} s; all served again {time.monotonic() - back:.1f} s later;"
                    f" longest call {load.longest(began):.1f} s; failed: {told}"
                )
                touched = {what.split()[0] for what in failed}
                assert touched <= NEEDED_BY.get(service, set()), f"{service} {how}: {failed}"
        await load.stop()

    answers = len(load.calls)
    measured.add(f"- {answers} calls in all, {len(load.phones)} codes accepted", "# Memory under load")
    measured.add(*(f"- {service}: {used}" for service, used in memory.items()))
    await eventually(partial(_all_have_their_sms, kabinet, http, load.phones), 120)


async def _all_have_their_sms(kabinet: RunningSet, http: httpx2.AsyncClient, phones: list[str]) -> bool:
    answer = await http.get(f"{kabinet.mailbox_url}/api/messages", params={"channel": "sms"})
    return set(phones) <= {item["to"] for item in answer.json()["items"]}


def test_no_job_was_started_twice_and_none_failed(kabinet: RunningSet) -> None:
    for service in jobs():
        state = kabinet.inspect(service)
        assert (state["State"]["ExitCode"], state["RestartCount"]) == (0, 0), service
