"""Fixtures: nginx in front of recorders, and in front of the real applications; each once per run."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from portal.main import app_of
from shared.service import Service
from tests.browser.conftest import chromium as chromium
from tests.gateway.behind import Recorder, served
from tests.gateway.nginx import SERVICES, TRUSTING, Gateway, program
from tests.kit import Databases, Running, running
from tests.portal.conftest import NOTIFIER, opened_portal

REQUIRED = os.environ.get("KABINET_NGINX") == "required"
"""Set by the gate: there the tests of the gateway are not left out."""


@pytest.fixture(scope="session")
def nginx() -> str:
    if (found := program()) is not None:
        return found
    wanted = "no nginx on this machine: apt-get install nginx-light, or KABINET_NGINX_PROGRAM=/path/to/it"
    if REQUIRED:
        pytest.fail(wanted)
    pytest.skip(wanted)


@dataclass
class Front:
    """A gateway and what stands behind it."""

    gateway: Gateway
    recorders: dict[str, Recorder] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.gateway.port

    def seen(self) -> list[tuple[str, str]]:
        """Service and target of all that arrived, which is forgotten."""
        found = [(name, request.target) for name, one in self.recorders.items() for request in one.seen]
        for one in self.recorders.values():
            one.seen.clear()
        return found


@asynccontextmanager
async def recorded(folder: Path, **arguments: Any) -> AsyncIterator[Front]:
    recorders = {service: Recorder() for service in SERVICES}
    async with AsyncExitStack() as stack:
        for one in recorders.values():
            await one.start()
            stack.push_async_callback(one.stop)
        gateway = Gateway(folder, {service: one.place for service, one in recorders.items()}, **arguments)
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        yield Front(gateway, recorders)


@pytest.fixture(scope="session")
async def front(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    """In front of recorders."""
    async with recorded(tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture(scope="session")
async def balanced(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    """In front of recorders, behind a proxy that it was told of: the test."""
    async with recorded(tmp_path_factory.mktemp("balanced"), trusted=TRUSTING) as front:
        yield front


@dataclass
class House:
    """The real applications of the five programs, with a gateway in front of them."""

    gateway: Gateway
    apps: dict[str, FastAPI]
    services: dict[str, Running]

    @property
    def port(self) -> int:
        return self.gateway.port


@pytest.fixture(scope="session")
async def house(
    nginx: str, databases: Databases, redis_url: str, keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    settings: dict[str, dict[str, Any]] = {
        "identity": {},
        "verification": {"redis_url": f"{redis_url}/0", "redis_timeout_seconds": 10},
        "billing-link": {},
        "notifier": NOTIFIER,
    }
    async with AsyncExitStack() as stack:
        services: dict[str, Running] = {}
        apps: dict[str, FastAPI] = {}
        for name, own in settings.items():
            service = service_of(name)
            url = await databases.migrated(service.package)
            stack.push_async_callback(databases.drop, url)
            one = services[name] = await stack.enter_async_context(running(service, url, keys, **own))
            apps[name] = service.app(one.kernel, one.wired)
        wired, _transport = await stack.enter_async_context(opened_portal(keys, f"{redis_url}/1", {}))
        apps["portal"] = app_of(wired)
        places = {name: await stack.enter_async_context(served(app)) for name, app in apps.items()}
        gateway = Gateway(tmp_path_factory.mktemp("house"), places)
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        yield House(gateway, apps, services)


def service_of(name: str) -> Service:
    found: Service = import_module(f"{name.replace('-', '_')}.main").service
    return found
