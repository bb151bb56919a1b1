"""The door to the services: one HTTP client for each, and their answers as this house reads them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from prometheus_client import Histogram

from portal.refusing import Away, FieldProblem, Refused
from portal.settings import PortalSettings
from shared import telemetry
from shared.logging import logger

CONNECT_SECONDS = 1.0
calls = Histogram(
    "kabinet_service_call_seconds",
    "Calls of services by the portal: answered, refused (4xx) or away (5xx, or no answer in time)",
    ["asked", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25),
)
_log = logger(__name__)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    """`None` where there is none."""
    location: str | None


class Services:
    """`await services.call("identity", "GET", "/v1/me", …)`."""

    def __init__(self, clients: Mapping[str, httpx2.AsyncClient]) -> None:
        self._clients = clients

    async def call(
        self, service: str, method: str, path: str, *, body: Any = None, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        """The answer, or `Refused` for a 4xx and `Away` for what is none in time.

        Asked once: a person who waits is told, and the button is pressed again by hand, with the same Idempotency-Key.
        """
        began, outcome = time.perf_counter(), "away"
        try:
            with telemetry.span(f"{method} {service}", telemetry.CLIENT, **{"kabinet.asked": service}):
                answer = await self._asked(service, method, path, body, headers, seconds)
            outcome = "answered"
        except Refused:
            outcome = "refused"
            raise
        finally:
            calls.labels(service, outcome).observe(time.perf_counter() - began)
        return answer

    async def _asked(
        self, service: str, method: str, path: str, body: Any, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        sent = {**headers, **({"traceparent": trace} if (trace := telemetry.current()) else {})}
        try:
            async with asyncio.timeout(seconds):
                answer = await self._clients[service].request(method, path, json=body, headers=sent)
        except (TimeoutError, OSError, httpx2.HTTPError) as problem:
            _log.warning("service_did_not_answer", asked=service, cause=type(problem).__name__)
            raise Away(service) from None
        if answer.status_code >= 400:
            raise _problem(service, answer)
        content = answer.json() if answer.content else None
        return Answer(answer.status_code, content, answer.headers.get("location"))


def _problem(service: str, answer: httpx2.Response) -> Refused | Away:
    body = _json(answer)
    code, waits = str(body.get("code", "")), answer.headers.get("retry-after", "")
    retry_after = int(waits) if waits.isdigit() else None
    if answer.status_code >= 500:
        _log.warning("service_failed", asked=service, status=answer.status_code, problem=code)
        return Away(service, code or "unavailable", retry_after)
    fields = [FieldProblem(*(str(one.get(key, "")) for key in ("field", "code", "detail"))) for one in _errors(body)]
    detail, location = str(body.get("detail", "")), answer.headers.get("location")
    return Refused(answer.status_code, code, detail, fields, retry_after, body, location)


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _errors(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in body.get("errors") or () if isinstance(one, dict)]


@asynccontextmanager
async def opened(
    settings: PortalSettings, transports: Mapping[str, httpx2.AsyncBaseTransport] | None = None
) -> AsyncIterator[Services]:
    """`transports`: other ways to a service than its address."""
    places = {
        "identity": settings.identity_url,
        "verification": settings.verification_url,
        "billing-link": settings.billing_link_url,
        "notifier": settings.notifier_url,
    }
    limits = httpx2.Limits(
        max_connections=settings.service_connections, max_keepalive_connections=20, keepalive_expiry=15
    )
    async with AsyncExitStack() as stack:
        clients = {
            service: await stack.enter_async_context(
                httpx2.AsyncClient(
                    base_url=url,
                    transport=(transports or {}).get(service),
                    timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),  # the page's own time bounds the rest
                    limits=limits,
                    trust_env=False,
                )
            )
            for service, url in places.items()
        }
        yield Services(clients)
