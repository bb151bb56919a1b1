"""What a service gets to know of a request, and what comes back: no more and no less than was meant."""

import re

import pytest

from tests.gateway.behind import GOOD, Request
from tests.gateway.conftest import Front
from tests.gateway.wire import Answer, ask, fresh_address, wire

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def arrived(front: Front, raw: str = "", address: str | None = None) -> tuple[Request, Answer]:
    """A request with these lines, as identity gets it, and what comes back."""
    front.seen()
    async with wire(front.port, address) as via:
        host = "" if re.search("^host:", raw, re.IGNORECASE | re.MULTILINE) else "Host: localhost\r\n"
        await via.send(f"GET /v1/me HTTP/1.1\r\n{host}{raw}\r\n".encode())
        answer = await via.answer()
    assert answer is not None
    [request] = front.recorders["identity"].seen
    return request, answer


@pytest.mark.parametrize(
    "spoofed",
    [
        "",
        "X-Forwarded-For: 203.0.113.9\r\n",
        "X-Forwarded-For: 203.0.113.9, 127.0.0.1\r\nX-Forwarded-For: 203.0.113.10\r\n",
        "x-forwarded-for: \r\n",
        "X-Forwarded-For: unknown, [2001:db8::1]:443\r\n",
        "X-Real-IP: 203.0.113.9\r\nTrue-Client-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n",
    ],
)
async def test_services_get_the_address_that_connected_and_no_other(front: Front, spoofed: str) -> None:
    address = fresh_address()

    request, _answer = await arrived(front, spoofed, address)

    assert request.all("x-forwarded-for") == [address]
    assert request.all("forwarded") == []


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, 127.0.0.1", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
async def test_known_proxy_in_front_is_believed_to_its_last_unknown_hop(balanced: Front, said: str, found: str) -> None:
    request, _answer = await arrived(balanced, f"X-Forwarded-For: {said}\r\n", "127.0.0.1")

    assert request.all("x-forwarded-for") == [found]


async def test_unknown_proxy_in_front_is_a_client(balanced: Front) -> None:
    address = fresh_address()

    request, _answer = await arrived(balanced, "X-Forwarded-For: 203.0.113.9\r\n", address)

    assert request.all("x-forwarded-for") == [address]


@pytest.mark.parametrize("taken", ["a", "AZ-09", "f" * 64, "01a21498-d8de-7289-ac2f-8019f5c34146"])
async def test_request_id_is_taken_over(front: Front, taken: str) -> None:
    request, answer = await arrived(front, f"X-Request-Id: {taken}\r\n")

    assert request.all("x-request-id") == [taken]
    assert answer.all("x-request-id") == ["the-services"]


@pytest.mark.parametrize("refused", ["", "a b", "f" * 65, "a_b", "<a>", "ä", "a\r\nX-Request-Id: b", 'a"b'])
async def test_other_request_id_is_made_anew(front: Front, refused: str) -> None:
    request, _answer = await arrived(front, f"X-Request-Id: {refused}\r\n")

    [made] = request.all("x-request-id")
    assert re.fullmatch("[0-9a-f]{32}|a", made)


async def test_answer_of_the_gateway_bears_the_id_too(front: Front) -> None:
    taken = await ask(front.port, "/v1/nothing", X_Request_Id="mine-1")
    made = await ask(front.port, "/nothing")

    assert taken.header("x-request-id") == "mine-1"
    assert re.fullmatch("[0-9a-f]{32}", made.header("x-request-id") or "")


async def test_trace_token_browser_and_language_pass(front: Front) -> None:
    sent = {"traceparent": TRACE, "authorization": "Bearer a.b.c", "user-agent": "Firefox/140.0", "cookie": "a=b"}
    sent |= {"accept-language": "en, ru;q=0.5", "idempotency-key": "0123456789abcdef", "origin": "https://a.example"}
    sent |= {"sec-fetch-site": "same-origin", "content-type": "application/json", "referer": "https://a.example/login"}
    sent |= {"x-signature": "t=1,v1=ab"}

    request, _answer = await arrived(front, "".join(f"{name}: {value}\r\n" for name, value in sent.items()))

    assert {name: request.all(name) for name in sent} == {name: [value] for name, value in sent.items()}


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost:8000",
        "localhost.",
        "evil.example",
        "evil.example:443",
        "127.0.0.1",
        "[::1]",
        "identity-api:8001",
        "localhost:80",
        "xn--80ak6aa92e.com",
        "localhost\r\nX-Forwarded-Host: evil.example",
    ],
)
async def test_host_is_the_public_one_whatever_is_said(front: Front, host: str) -> None:
    """12 variants; services build links from their settings anyway."""
    request, answer = await arrived(front, f"Host: {host}\r\n")

    assert request.all("host") == ["localhost"]
    assert b"evil" not in answer.body


async def test_the_length_and_the_bytes_of_a_body_are_kept(front: Front) -> None:
    front.seen()
    body = bytes(range(256)) * 100
    async with wire(front.port) as via:
        await via.send(b"POST /v1/codes HTTP/1.1\r\nHost: a\r\nContent-Length: 25600\r\n\r\n" + body)
        await via.answer()

    [request] = front.recorders["verification"].seen
    assert (request.all("content-length"), request.body) == (["25600"], body)


async def test_expectation_is_met_by_the_gateway(front: Front) -> None:
    front.seen()
    async with wire(front.port) as via:
        await via.send(b"POST /v1/codes HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        go_on = await via.answer_head()
        await via.send(b"{}")
        answer = await via.answer()

    [request] = front.recorders["verification"].seen
    assert go_on == "HTTP/1.1 100 Continue"
    assert answer is not None
    assert (answer.status, request.all("expect"), request.body) == (200, [], b"{}")


async def test_headers_of_an_answer_come_once_and_as_they_were(front: Front) -> None:
    lines = {
        "x-request-id": "the-services",
        "traceparent": TRACE,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'",
        "strict-transport-security": "max-age=31536000",
        "location": "/v1/link-requests/1",
        "retry-after": "7",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    cookies = "Set-Cookie: a=1; HttpOnly\r\nSet-Cookie: b=2; HttpOnly\r\n"
    front.recorders["identity"].answer = f"HTTP/1.1 429 Busy\r\nContent-Length: 2\r\n{head}{cookies}\r\nok".encode()
    try:
        _request, answer = await arrived(front)
    finally:
        front.recorders["identity"].answer = GOOD

    assert {name: answer.all(name) for name in lines} == {name: [value] for name, value in lines.items()}
    assert answer.all("set-cookie") == ["a=1; HttpOnly", "b=2; HttpOnly"]
    assert (answer.status, answer.body, answer.header("server")) == (429, b"ok", "nginx")


async def test_nothing_is_compressed_here(front: Front) -> None:
    """A page that holds a token and what somebody typed tells the token by its compressed length (BREACH)."""
    page = b"<p>Kabinet</p>" * 1000
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n\r\n".encode()
    front.recorders["portal"].answer = head + page
    try:
        answer = await ask(front.port, "/login", Accept_Encoding="gzip, deflate, br, zstd")
    finally:
        front.recorders["portal"].answer = GOOD

    assert (answer.header("content-encoding"), answer.body) == (None, page)


async def test_file_of_a_release_is_asked_for_once(front: Front) -> None:
    """And bears the id of whoever asks; of another release, or in another encoding, it is asked for."""
    front.seen()
    target = "/static/0123456789abcdef/kept.css"
    lasting = (
        b"Cache-Control: public, max-age=31536000, immutable\r\nVary: Accept-Encoding\r\nX-Request-Id: the-first\r\n"
    )
    portal = front.recorders["portal"]
    portal.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: text/css\r\n" + lasting + b"\r\nkept"
    try:
        ids = [
            (await ask(front.port, target, X_Request_Id=f"id-{n}", Accept_Encoding=coding)).header("x-request-id")
            for n, coding in enumerate(("gzip, br", "br, gzip;q=0.8", "gzip"))
        ]
        once = front.seen()
        plain = await ask(front.port, target, Accept_Encoding="gzip;q=0, br")
        portal.answer = portal.answer.replace(b"public, max-age=31536000, immutable", b"no-cache")
        for _ in range(2):
            await ask(front.port, "/static/fedcba9876543210/changing.css")
    finally:
        portal.answer = GOOD

    assert (ids, once) == (["id-0", "id-1", "id-2"], [("portal", target)])
    assert plain.body == b"kept"
    assert [one for _service, one in front.seen()] == [target, *["/static/fedcba9876543210/changing.css"] * 2]
