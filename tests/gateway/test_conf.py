"""The files as they are shipped: nginx takes them, and they say what compose and the contract say."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.certificates import certificate_for
from tests.gateway.nginx import FILES, SERVICES, Gateway

ROOT = FILES.parents[1]
HTTP_PORTS = {"identity": 8001, "verification": 8002, "billing-link": 8003, "notifier": 8004, "portal": 8080}


def text(name: str) -> str:
    return (FILES / name).read_text()


def checked(gateway: Gateway) -> str:
    """What `nginx -t` says; it must find nothing wrong."""
    done = subprocess.run(gateway.command("-t"), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("listens", ["listen.conf", "tls.conf"])
def test_nginx_takes_the_files_as_they_are(nginx: str, tmp_path: Path, listens: str) -> None:
    """With compose's names, which nobody has to know yet."""
    gateway = Gateway(tmp_path, {})
    shutil.copytree(FILES, gateway.files, dirs_exist_ok=True)
    shutil.copy(FILES / listens, gateway.files / "listen.conf")
    certificate_for(gateway.files / "tls")

    warnings = [line for line in checked(gateway).splitlines() if "[warn]" in line]

    # As tls.conf says: 1.22 knows no other way.
    assert [line for line in warnings if '"listen ... http2" directive is deprecated' not in line] == []


def test_nothing_is_written_outside_the_prefix(nginx: str, tmp_path: Path) -> None:
    """So that a file system which is read-only but for /tmp will do."""
    paths = re.findall(r"^\s*(?:pid|\w+_temp_path|proxy_cache_path) (\S+?)[; ]", text("nginx.conf"), re.MULTILINE)

    checked(Gateway(tmp_path, {}))

    assert len(paths) == 7
    assert [path for path in paths if path.startswith("/")] == []
    assert {"body", "proxy", "static"} <= {path.name for path in tmp_path.iterdir()}


def test_every_service_has_its_place_in_compose() -> None:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    named = dict(re.findall(r"^    ([\w-]+) ([\w-]+:\d+);$", text("upstreams.conf"), re.MULTILINE))

    assert set(named) == set(SERVICES)
    for service, place in named.items():
        host, port = place.split(":")
        assert host in compose["services"], place
        assert int(port) == HTTP_PORTS[service]


def test_tls_is_of_this_decade_and_redirects_to_the_name_in_the_file() -> None:
    listens = text("tls.conf")

    assert "ssl_protocols TLSv1.2 TLSv1.3;" in listens
    assert "return 301 https://$server_name$request_uri;" in listens
    assert re.findall(r"\$(?:http_)?host\b", listens + text("site.conf") + text("nginx.conf")) == []


def test_no_address_path_or_query_reaches_a_log() -> None:
    """error_log cannot be told what to leave out, so it tells of the process alone."""
    form = re.search(r"log_format requests escape=json(.*?);\n", text("nginx.conf"), re.DOTALL)
    assert form is not None
    logged = set(re.findall(r"\$(\w+)", form[1]))

    assert logged == {
        *("time_iso8601", "id", "trace", "method", "owner", "answered", "request_time", "bytes_sent", "network"),
        *("server_protocol", "upstream_status", "upstream_response_time"),
    }
    assert re.findall(r"error_log (.*);", text("nginx.conf")) == ["stderr alert"]
    assert re.findall(r"access_log (.*);", text("nginx.conf") + text("site.conf")) == ["/dev/stdout requests"]
