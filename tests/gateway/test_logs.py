"""The log: one line of JSON for a request, by which it is found again, and nothing of whoever asked."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import Front, recorded
from tests.gateway.wire import ask, fresh_address, wire
from tests.kit import eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CANARIES = ("canary", "67123456", "203.0.113.99", "2001:db8:1:2:3")


@pytest.fixture(scope="module")
async def watched(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    """A gateway of its own, whose log holds what a test made it write; the portal is away."""
    folder: Path = tmp_path_factory.mktemp("watched")
    trusted = "set_real_ip_from 127.79.0.1;\nreal_ip_header X-Forwarded-For;\n"
    async with recorded(folder, trusted=trusted) as front:
        await front.recorders["portal"].stop()
        yield front


async def lines(front: Front, count: int) -> list[dict[str, Any]]:
    async def written() -> list[str]:
        found = front.gateway.log.splitlines()
        return found if len(found) >= count else []

    return [json.loads(line) for line in await eventually(written)]


async def test_log_finds_a_request_and_holds_nothing_personal(watched: Front) -> None:
    address, port = fresh_address(), watched.port
    own = address.rpartition(".")[0]
    telling = {
        "Authorization": "Bearer canary.token.x",
        "Cookie": "__Host-kabinet=canary-cookie",
        "User_Agent": 'canary-browser "\\',
        "Referer": "https://lk.example.ru/c/canary-referer",
        "Origin": "https://canary.example",
        "Accept_Language": "canary",
        "X_Request_Id": "canary id",
        "Idempotency_Key": "canary-key-0123456789",
        "traceparent": "canary-trace",
    }
    targets = [
        "/c/canary-token",  # the portal is away: nginx has an error to tell of
        "/r/canary-token?canary=1",
        "/accounts/67123456/canary",
        "/v1/accounts/67123456",
        "/v1/me?canary=1",
        "/v1/canary",
        "/canary/..%2f",
        "/static/canary/canary.css",
        "/metrics?canary",
    ]
    for target in targets:
        await ask(port, target, address=address, **telling)
    await ask(port, "/v1/me", "CANARY", address=address, **telling)
    await ask(port, "/v1/me", "TRACE", address=address, **telling)
    for raw in (
        b"canary canary canary\r\n\r\n",
        b"GET /c/canary-token HTTP/1.1\r\nHost: canary canary\r\n\r\n",
        b"canary",
    ):
        async with wire(port, address) as via:
            await via.send(raw)
    for forwarded in ("203.0.113.99", "2001:db8:1:2:3::5", "2001:db8::5"):
        await ask(port, "/v1/me", address="127.79.0.1", X_Forwarded_For=forwarded)
    found = await ask(port, "/v1/me", X_Request_Id="found-again", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")

    told = await lines(watched, len(targets) + 8)
    text = watched.gateway.log
    assert [canary for canary in (*CANARIES, address) if canary in text] == []
    [line] = [one for one in told if one["request_id"] == "found-again"]
    assert (line["trace_id"], line["method"], line["owner"], line["status"]) == (TRACE, "GET", "identity", 200)
    assert (line["service"], line["event"], line["upstream_status"]) == ("gateway", "request_answered", "200")
    assert found.status == 200
    assert {one["owner"] for one in told} == {"nobody", "identity", "billing-link", "portal"}
    assert {one["method"] for one in told} <= {"GET", "other"}
    assert {"203.0.113.0/24", "2001:db8:1::/48", "2001:db8::/48", f"{own}.0/24"} <= {one["network"] for one in told}
    assert ("portal", 503, "502") in {(one["owner"], one["status"], one["upstream_status"]) for one in told}


async def test_every_line_is_json_whatever_came(watched: Front) -> None:
    before = len(watched.gateway.log.splitlines())
    requests = (b"\x00\r\n\r\n", b"GET /\r\n", b'GET /"\\ HTTP/1.1\r\nHost: a\r\n\r\n', b"\xff\xfe / HTTP/1.1\r\n\r\n")
    for raw in requests:
        async with wire(watched.port) as via:
            await via.send(raw)
            await via.anything()

    told = await lines(watched, before + len(requests))

    assert all(isinstance(one["status"], int) and isinstance(one["seconds"], int | float) for one in told)
