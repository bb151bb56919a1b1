"""The whole set behind the gateway, over TLS: the journey, a browser, and the address of whoever asks."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx2
import pytest
from playwright.async_api import Browser

from deploy.embedded import sample
from deploy.embedded.journey import STEPS, Journey, broker_pause
from deploy.embedded.launcher import EmbeddedSet
from tests.browser.looking import AXE, RULES, SCRIPTS
from tests.browser.town import OVERRIDES, Citizen, Town, fresh_login
from tests.browser.visitor import visiting
from tests.gateway.nginx import TlsGateway
from tests.gateway.wire import wire


class Behind(EmbeddedSet):
    """A set of which people see the gateway alone."""

    gateway: TlsGateway

    @property
    def urls(self) -> dict[str, str]:
        return dict.fromkeys(self.services, self.gateway.url)


@dataclass
class TlsTown(Town):
    """Nobody lives in it yet."""

    gateway: TlsGateway = field(kw_only=True)


@pytest.fixture(scope="module")
async def town(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TlsTown]:
    folder: Path = tmp_path_factory.mktemp("whole")
    (folder / "nginx").mkdir()
    gateway = TlsGateway(folder / "nginx")
    origins = {"PORTAL_PUBLIC_URL": gateway.url, "NOTIFIER_PORTAL_ORIGIN": gateway.url}
    settings = OVERRIDES | origins | {"PORTAL_TRUSTED_PROXIES": "127.0.0.1/32"}
    made = sample.make(folder / "sample", datetime.now(ZoneInfo("Europe/Moscow")).date())
    kabinet = Behind(folder / "set", free_ports=True, overrides=settings, say=lambda _line: None)
    kabinet.gateway = gateway
    async with kabinet, httpx2.AsyncClient(timeout=30, verify=trusting(gateway)) as http:
        await kabinet.run("billing-link", "import", "--accounts", made.accounts, "--payments", made.payments)
        await kabinet.run("identity", "import-legacy", made.legacy_users)
        gateway.lead_to({service: f"127.0.0.1:{kabinet.ports[service]}" for service in kabinet.services})
        await gateway.start()
        try:
            yield TlsTown(kabinet, made, http, gateway=gateway)
        finally:
            await gateway.stop()


def trusting(gateway: TlsGateway) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=gateway.certificate)


async def test_journey_is_walked_through_the_gateway(town: TlsTown) -> None:
    """But for the step that looks at readiness, which is not public."""
    person = Journey(kabinet=town.kabinet, sample=town.sample, http=town.http)

    for _title, step in STEPS:
        if step is not broker_pause:
            await step(person)

    me = await person.call("GET", "identity", "/v1/me", 200, token=person.tokens["access_token"])
    assert me.json()["email"] == "semenov@example.org"


async def test_services_know_the_address_of_whoever_asks(town: TlsTown) -> None:
    far = httpx2.AsyncHTTPTransport(verify=trusting(town.gateway), local_address="127.80.0.5")
    async with httpx2.AsyncClient(transport=far, headers={"X-Forwarded-For": "203.0.113.9"}) as http:
        person = await Town(town.kabinet, town.sample, http).confirmed(fresh_login())

        listed = await person.call("GET", "identity", "/v1/sessions", 200, token=person.tokens["access_token"])

    assert [one["address"] for one in listed.json()["items"]] == ["127.80.0.5"]


async def test_browser_keeps_the_session_under_the_name_that_only_tls_allows(town: TlsTown, chromium: Browser) -> None:
    person = await town.confirmed(fresh_login())
    town.people["somebody"] = Citizen(**vars(person))
    async with visiting(chromium, town, ignore_https_errors=True) as visitor:
        await visitor.sign_in("somebody")
        await visitor.open("/settings/devices")
        cookies = {one["name"]: one for one in await visitor.context.cookies()}
        protocol = await visitor.page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        at = visitor.path
        await visitor.open("/nothing-of-the-kind")
        heading = await visitor.heading()
        await visitor.page.evaluate(SCRIPTS)
        barriers = await visitor.page.evaluate(AXE, {"runOnly": list(RULES)})

    assert (at, protocol, heading) == ("/settings/devices", "h2", "Такой страницы нет")
    assert {"__Host-kabinet", "__Host-device"} <= cookies.keys()
    session = cookies["__Host-kabinet"]
    host = urlsplit(town.url).hostname
    assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Lax")
    assert (session["path"], session["domain"]) == ("/", host)
    assert (visitor.said, barriers) == ([], [])


@pytest.mark.parametrize("target", ["/login", "/v1/me", "/static/0/kabinet.css", "/v1/nothing", "/nothing"])
async def test_every_answer_says_once_that_tls_is_to_be_kept(town: TlsTown, target: str) -> None:
    answer = await town.http.get(f"{town.url}{target}")

    assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
    assert len(answer.headers.get_list("x-request-id")) == 1


@pytest.mark.parametrize("host", ["lk.example.ru", "evil.example"])
async def test_plain_http_leads_to_the_public_name(town: TlsTown, host: str) -> None:
    async with wire(town.gateway.plain_port) as via:
        await via.send(f"GET /login?next=%2f HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = await via.answer()

    assert answer is not None
    assert (answer.status, answer.header("location")) == (301, "https://lk.example.ru/login?next=%2f")


async def test_plain_http_on_the_port_of_tls_is_told_so_in_our_words(town: TlsTown) -> None:
    async with wire(town.gateway.port) as via:
        await via.send(b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await via.answer()

    assert answer is not None
    assert (answer.status, answer.problem()["code"]) == (400, "bad-request")
