"""How large, how often, how many at once."""

import asyncio

import pytest

from tests.gateway.behind import Request
from tests.gateway.conftest import Front, House
from tests.gateway.wire import BROWSERS, FORM, JSON, Answer, Wire, ask, fresh_address, wire
from tests.kit import eventually

MIB = 1024 * 1024


# --- size


async def sent(house: House, head: str, body: bytes) -> Answer:
    """The answer to a body of this length, however much of it was taken."""
    async with wire(house.port) as via:
        await via.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        return await answered_while(via, body)


async def answered_while(via: Wire, body: bytes) -> Answer:
    sending = asyncio.create_task(via.send(body))
    answer = await via.answer()
    sending.cancel()
    assert answer is not None
    return answer


@pytest.mark.parametrize("size", [65_537, 10 * MIB])
async def test_body_above_64_kib_is_413(house: House, size: int) -> None:
    program, person = await sent(house, JSON, b" " * size), await sent(house, FORM + BROWSERS, b"a=" + b"b" * size)

    assert program.problem()["code"] == "body-too-large"
    assert program.status == person.status == 413
    assert "Слишком длинный текст" in person.body.decode()


async def test_body_of_64_kib_is_read(house: House) -> None:
    body = b'{"login": "petrova", "password": "blue tram"}'.ljust(65_536)

    assert (await sent(house, JSON, body)).status == 401


@pytest.mark.parametrize("head", [JSON, FORM + BROWSERS], ids=["program", "person"])
async def test_endless_chunks_are_cut(house: House, head: str) -> None:
    async with wire(house.port) as via:
        await via.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        answer = await answered_while(via, (b"1000\r\n" + b" " * 4096 + b"\r\n") * 2560)

        assert answer.status == 413
        assert (await via.ended())[-1:] != b"k"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"GET /v1/me?{'a' * 9000} HTTP/1.1\r\nHost: localhost\r\n", 414),
        (f"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nX-Long: {'a' * 9000}\r\n", 431),
        ("GET /v1/me HTTP/1.1\r\nHost: localhost\r\n" + f"X-Many: {'a' * 1000}\r\n" * 40, 431),
    ],
    ids=["address", "header", "headers"],
)
async def test_long_heads_are_refused(house: House, head: str, status: int) -> None:
    async with wire(house.port) as via:
        await via.send(f"{head}\r\n".encode())
        answer = await via.answer()

    assert answer is not None
    assert answer.status == status
    assert b"bad-request" in answer.body or "Не получилось прочитать запрос" in answer.body.decode()


async def test_access_token_and_cookies_of_usual_length_pass(front: Front) -> None:
    front.seen()

    answer = await ask(front.port, "/v1/me", Authorization=f"Bearer {'a' * 4096}", Cookie=f"a={'b' * 4000}")

    assert (answer.status, len(front.seen())) == (200, 1)


# --- how often, and how many at once


async def test_more_than_a_burst_is_429_for_one_address_alone(front: Front) -> None:
    front.seen()
    flooding, other = fresh_address(), fresh_address()

    answers = await flood(front, "/v1/me", flooding, 400)
    refused = [one for one in answers if one.status == 429]

    assert len(refused) > 50
    assert len(front.seen()) == 400 - len(refused) >= 200
    assert (refused[0].problem()["code"], refused[0].header("retry-after")) == ("too-many-requests", "5")
    assert (await ask(front.port, "/v1/me", address=other)).status == 200
    assert "Слишком много запросов" in (await flood(front, "/login", flooding, 20))[-1].body.decode()


async def flood(front: Front, target: str, address: str, count: int, **headers: str) -> list[Answer]:
    async with wire(front.port, address) as via:
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        await via.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n".encode() * count)
        answers = [await via.answer() for _ in range(count)]
    assert None not in answers
    return [one for one in answers if one is not None]


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("2001:db8:1:7::1", "2001:db8:1:7:ffff:1:2:3", True),
        ("2001:db8:2:7::1", "2001:db8:2:8::1", False),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:dba::1", "2001:dbb::1", False),
        ("198.51.100.7", "198.51.100.8", False),
    ],
)
async def test_limit_on_an_address_is_one_on_a_64_of_ipv6(
    balanced: Front, first: str, second: str, alike: bool
) -> None:
    await flood(balanced, "/v1/me", "127.0.0.1", 300, X_Forwarded_For=first)
    answers = await flood(balanced, "/v1/me", "127.0.0.1", 100, X_Forwarded_For=second)

    assert ({answer.status for answer in answers} == {200}) != alike
    balanced.seen()


async def test_more_than_200_calls_at_once_are_429_for_one_address_alone(front: Front) -> None:
    front.seen()
    held, address = asyncio.Event(), fresh_address()

    async def until(_request: Request) -> None:
        await held.wait()

    async def all_wait() -> bool:
        return len(front.recorders["verification"].seen) == 200

    front.recorders["verification"].until = until
    try:
        calls = [asyncio.create_task(ask(front.port, "/v1/codes", address=address)) for _ in range(200)]
        await eventually(all_wait)
        refused, other = await ask(front.port, "/v1/codes", address=address), ask(front.port, "/v1/me")

        assert refused.problem()["code"] == "too-many-requests"
        assert (await other).status == 200
    finally:
        held.set()
        front.recorders["verification"].until = None
    assert {answer.status for answer in await asyncio.gather(*calls)} == {200}
    front.seen()
