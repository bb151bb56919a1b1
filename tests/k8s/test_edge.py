"""What comes in from outside: the cluster's Gateway lets through what our gateway lists, and nothing else."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from deploy.embedded.environment import SERVICES
from portal.pages import ROUTERS
from portal.web.routes import ANY_OTHER
from tests.gateway.conftest import REQUIRED
from tests.gateway.nginx import program
from tests.k8s.rendering import Document, Overlay
from tests.k8s.test_made_files import service_of

PRIVATE = ("/metrics", "/readyz", "/livez", "/openapi.json", "/docs", "/redoc", "/v1", "/v1/", "/v1/metrics")


def let(rule: Document, path: str) -> bool:
    """As the Gateway API reads it: a prefix ends where a segment does."""
    for match in rule["matches"]:
        value = match["path"]["value"]
        if match["path"]["type"] == "Exact":
            if path == value:
                return True
        elif path == value or path.startswith(value.rstrip("/") + "/"):
            return True
    return False


def public() -> Iterator[str]:
    for name in SERVICES:
        for router in ROUTERS if name == "portal" else service_of(name).routers:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                if route.path != ANY_OTHER:
                    yield route.path


def test_every_route_is_let_in(production: Overlay) -> None:
    rules = production.one("HTTPRoute", "kabinet")["spec"]["rules"]

    assert [path for path in public() if not let(rules[0], path)] == []


@pytest.mark.parametrize("path", PRIVATE)
def test_what_is_for_the_house_alone_is_not(production: Overlay, path: str) -> None:
    rules = production.one("HTTPRoute", "kabinet")["spec"]["rules"]

    assert not let(rules[0], path)


def test_nothing_is_listed_that_no_route_begins_with(production: Overlay) -> None:
    rules = production.one("HTTPRoute", "kabinet")["spec"]["rules"]
    routes = list(public())

    unused = [one for one in rules[0]["matches"] if not any(let({"matches": [one]}, path) for path in routes)]

    assert unused == []


def test_all_of_it_goes_to_our_gateway_which_has_the_limits(production: Overlay) -> None:
    spec = production.one("HTTPRoute", "kabinet")["spec"]

    assert [rule["backendRefs"] for rule in spec["rules"]] == [[{"name": "gateway", "port": 8000}]]
    assert int(spec["rules"][0]["timeouts"]["request"].removesuffix("s")) > 27, "our gateway gives up first"


def test_one_name_and_one_network_are_told_to_all(production: Overlay) -> None:
    """What stands in installation.env once, everywhere where it is needed."""
    settings = {
        name: value
        for each in production.of("ConfigMap")
        if each["metadata"]["name"].partition("-settings")[2].startswith("-")
        and "migration" not in each["metadata"]["name"]
        for name, value in each["data"].items()
    }
    files = next(
        each["data"]
        for each in production.of("ConfigMap")
        if each["metadata"]["name"].startswith("gateway-configuration")
    )

    assert production.one("HTTPRoute", "kabinet")["spec"]["hostnames"] == ["lk.example.org"]
    assert files["listen.conf"].split() == [
        "server",
        "{",
        "listen",
        "8000;",
        "server_name",
        "lk.example.org",
        ";",
        "include",
        "site.conf;",
        "}",
    ]
    assert files["trusted.conf"].split()[:3] == ["set_real_ip_from", "10.244.0.0/16", ";"]
    origins = {
        name: settings[name] for name in ("PORTAL_PUBLIC_URL", "NOTIFIER_PORTAL_ORIGIN", "NOTIFIER_SMS_RECEIPTS_ORIGIN")
    }
    assert set(origins.values()) == {"https://lk.example.org"}
    proxies = {name: value for name, value in settings.items() if name.endswith("TRUSTED_PROXIES")}
    assert len(proxies) == len(SERVICES)
    assert set(proxies.values()) == {"10.244.0.0/16"}
    assert not [name for name, value in settings.items() if value == "…"]


def test_the_gateways_upstreams_are_services_of_the_cluster(overlay: Overlay) -> None:
    files = next(
        each["data"] for each in overlay.of("ConfigMap") if each["metadata"]["name"].startswith("gateway-configuration")
    )
    named = {
        line.split()[4].removesuffix(";")
        for line in files["upstreams.conf"].splitlines()
        if line.startswith("upstream ")
    }

    there = {
        f"{each['metadata']['name']}:{port['port']}" for each in overlay.of("Service") for port in each["spec"]["ports"]
    }
    assert named == {
        f"{name}:{port}"
        for name, port in (one.split(":") for one in there)
        if name.endswith("-api") or name == "portal"
    }


async def test_nginx_takes_the_files_as_the_cluster_mounts_them(overlay: Overlay, tmp_path: Path) -> None:
    """Its check wants the names of the services answered; here they stand for this machine."""
    if (nginx := program()) is None:
        wanted = "no nginx on this machine: apt-get install nginx-light"
        if REQUIRED:
            pytest.fail(wanted)
        pytest.skip(wanted)
    files = next(
        each["data"] for each in overlay.of("ConfigMap") if each["metadata"]["name"].startswith("gateway-configuration")
    )
    for name, content in files.items():
        (tmp_path / name).write_text(re.sub(r"server [\w-]+:(\d+);", r"server 127.0.0.1:\1;", content))
    mounted = overlay.pod("gateway").spec["containers"][0]["command"]
    command = [str(tmp_path / "nginx.conf") if part == "/etc/gateway/nginx.conf" else part for part in mounted[1:]]
    command[command.index("/tmp")] = str(tmp_path)

    checked = await asyncio.create_subprocess_exec(
        nginx, "-t", *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    told, _ = await asyncio.wait_for(checked.communicate(), 20)

    assert checked.returncode == 0, told.decode()
