"""Tricks with paths and with the edges of a request: what reaches a service is what was written, once, and public."""

import re
from itertools import product

import pytest

from tests.gateway.conftest import Front
from tests.gateway.wire import Wire, ask, fresh_address, wire

PLAIN = re.compile(r"/|(/(?!\.)[\w.~-]+)+|/\.well-known/jwks\.json", re.ASCII)
PUBLIC = re.compile(r"/v1/(me|codes)(/.*)?|/login(/.*)?|/c/[^/]+|/static/.+|/")
PIECES = (
    *("v1", "me", "metrics", "login", "c", "static", "", ".", "..", "...", "%2e%2e", "%2E.", "..;", ";", "%00", "%2f"),
    *("%252e%252e", "\\..", "%5c..", "V1", "me%20", "me;x=1", "me%0d%0aX-A:1", "readyz#", "\xe9", "%c0%ae%c0%ae"),
)
CORE = ("v1", "me", "metrics", "c", "", ".", "..", "%2e%2e")
INSIDE = ("/metrics", "/readyz", "/livez", "/openapi.json")
REQUESTS_OF_ONE_ADDRESS = 150
"""Fewer than the limit on a burst."""


async def test_no_path_of_odd_pieces_is_read_in_two_ways(front: Front) -> None:
    """What arrives is byte for byte what was asked for, and written so that it can mean but one thing."""
    front.seen()
    targets = ["/" + "/".join(pieces) for pieces in (*product(PIECES, repeat=2), *product(CORE, repeat=3))]

    for start in range(0, len(targets), REQUESTS_OF_ONE_ADDRESS):
        asked = set(targets[start : start + REQUESTS_OF_ONE_ADDRESS])
        await pipeline(front, asked)
        arrived = {target for _service, target in front.seen()}

        assert {target for target in asked if PLAIN.fullmatch(target) and PUBLIC.fullmatch(target)} == arrived


async def pipeline(front: Front, targets: set[str]) -> None:
    """All of them over one connection, or over as many as the gateway closes."""
    address, left = fresh_address(), sorted(targets)
    while left:
        async with wire(front.port, address) as via:
            while left:
                await via.send(f"GET {left.pop()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1"))
                answer = await via.answer()
                assert answer is not None
                assert answer.status in (200, 400, 404)
                if answer.header("connection") == "close":
                    break


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize(
    "form",
    [
        "//localhost{}",
        "http://localhost{}",
        "http://localhost/v1/me/..{}",
        "http://localhost/v1/me/%2e%2e/%2e%2e{}",
        "HTTP://identity-api:8001{}",
        "/v1/me{}/../../..{}",
        "/v1{}",
        "/login/..%2f..{}",
        "/c/..{}",
        "/static/..{}",
        "/static/0123456789abcdef/../..{}",
        "{}?/v1/me",
        "{};/v1/me",
        "{}%00/v1/me",
        "{}%3f/v1/me",
        "{}%23/v1/me",
        "{}#/v1/me",
        "{}/",
        "/{}",
        "/.{}",
        "/gateway{}",
    ],
)
async def test_no_spelling_of_an_inner_address_gets_there(front: Front, form: str, inside: str) -> None:
    front.seen()

    answer = await ask(front.port, form.replace("{}", inside))

    reached = [(service, target) for service, target in front.seen() if inside in target and "?" not in target]
    assert [one for one in reached if not one[1].startswith("/v1/me/")] == []
    assert answer.status in (400, 404)


@pytest.mark.parametrize(
    "target", ["http://localhost/v1/me?a=1", "HTTP://LOCALHOST:8000/v1/me?a=1", "http://other.example/v1/me?a=1"]
)
async def test_absolute_target_is_its_path(front: Front, target: str) -> None:
    front.seen()

    answer = await ask(front.port, target)

    assert (answer.status, front.seen()) == (200, [("identity", "/v1/me?a=1")])


@pytest.mark.parametrize("target", ["/gateway/problem", "/gateway/page", "/gateway/", "/gateway"])
async def test_the_gateways_own_pages_cannot_be_asked_for(front: Front, target: str) -> None:
    assert (await ask(front.port, target)).status == 404


@pytest.mark.parametrize(
    ("method", "target"), [("TRACE", "/v1/me"), ("CONNECT", "/v1/me"), ("CONNECT", "localhost:443")]
)
async def test_methods_that_reflect_or_tunnel_are_refused(front: Front, method: str, target: str) -> None:
    front.seen()

    answer = await ask(front.port, target, method, X_Canary="canary-header")

    assert (answer.status in (400, 405), front.seen()) == (True, [])
    assert b"canary-header" not in answer.body


GET = "GET /v1/me HTTP/1.1\r\nHost: localhost\r\n"
POST = "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        POST + f"Content-Length: {len(SMUGGLED) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
        POST + f"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{SMUGGLED}",
        POST + f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
        POST + f"Content-Length: 0, {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
        POST + f"Content-Length: +0\r\n\r\n{SMUGGLED}",
        POST + f"Content-Length: -1\r\n\r\n{SMUGGLED}",
        POST + f"Content-Length: 0x10\r\n\r\n{SMUGGLED}",
        POST + f"Content-Length: 99999999999999999999\r\n\r\n{SMUGGLED}",
        POST + f"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
        POST + f"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
        POST + f"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{SMUGGLED}",
        POST + f"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{SMUGGLED}",
        POST + "Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
        POST + "Transfer-Encoding: chunked\r\n\r\n-1\r\nab\r\n0\r\n\r\n",
        POST + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nab\r\n0\r\n\r\n",
        POST + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
        "GET /v1/me\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/me\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\n\r\n",
        "GET /v1/me HTTP/2.0\r\nHost: localhost\r\n\r\n",
        "GET /v1/me HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        GET + "X: a\x00b\r\n\r\n",
        GET.replace("\r\n", "\r\n\x00: a\r\n", 1) + "\r\n",
    ],
    ids=lambda text: repr(text[25:90]),
)
async def test_request_with_doubtful_edges_goes_nowhere(front: Front, request_: str) -> None:
    front.seen()
    async with wire(front.port) as via:
        await via.send(request_.encode("latin-1"))
        answer = await via.answer()

        assert answer is None or answer.status in (400, 413), answer
        await via.ended()

    arrived = front.seen()
    assert [one for one in arrived if "metrics" in one[1] or one[1] == "/v1/me"] == []
    assert all(one.beyond == b"" for one in front.recorders.values())


@pytest.mark.parametrize("name", ["Transfer-Encoding ", "Transfer_Encoding", "X-Bad Name", " Folded"])
async def test_headers_with_odd_names_are_dropped_or_refused(front: Front, name: str) -> None:
    """What one program takes for a header and another for none."""
    front.seen()
    async with wire(front.port) as via:
        await via.send(f"{GET}{name}: chunked\r\n\r\n".encode())
        answer = await via.answer()

    assert answer is not None
    assert answer.status in (200, 400)
    assert all(name.strip().lower() not in one.head.lower() for one in front.recorders["identity"].seen)


async def test_old_http_is_answered_as_far_as_it_goes(front: Front) -> None:
    front.seen()
    async with wire(front.port) as older, wire(front.port) as oldest:
        await older.send(b"GET /v1/me HTTP/1.0\r\n\r\n")
        answer = await older.answer()
        await oldest.send(b"GET /metrics\r\n")
        page = await oldest.ended()

    assert answer is not None
    assert (answer.status, front.seen()) == (200, [("identity", "/v1/me")])
    assert b"<h1>" in page


async def test_upgrade_is_not_taken_up(front: Front) -> None:
    front.seen()
    async with wire(front.port) as via:
        upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        await via.send((GET + upgrade).encode())
        answer = await via.answer()

    [arrived] = front.recorders["identity"].seen
    assert answer is not None
    assert answer.status == 200
    assert (arrived.all("upgrade"), arrived.all("connection")) == ([], ["close"])


async def test_two_requests_in_one_go_are_two(front: Front) -> None:
    front.seen()
    async with wire(front.port) as via:
        await via.send((GET + "\r\n" + SMUGGLED).encode())
        first, second = await via.answer(), await answered(via)

    assert first is not None
    assert (first.status, second) == (200, 404)
    assert front.seen() == [("identity", "/v1/me")]


async def answered(via: Wire) -> int:
    answer = await via.answer()
    assert answer is not None
    return answer.status
