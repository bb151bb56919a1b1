"""How slowly: what is cut and when, and that others are answered meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.gateway.behind import Request
from tests.gateway.conftest import Front, House
from tests.gateway.wire import BROWSERS, FORM, JSON, Answer, ask, fresh_address, wire


@dataclass
class Cut:
    """What became of something slow."""

    answer: Answer | None
    seconds: float


@dataclass
class Slow:
    """What became of everything slow; `others` are the times of calls that were made meanwhile."""

    cuts: dict[str, Cut]
    others: list[float]


@pytest.fixture(scope="module")
async def slow(house: House, front: Front) -> Slow:
    for service, seconds in (("identity", 30.0), ("billing-link", 13.0), ("portal", 13.0)):
        front.recorders[service].until = answering_after(seconds)
    tried = {
        "headers": trickle(house.port, JSON.encode() + b"X-Long: " + b"a" * 60),
        "nothing": trickle(house.port, b""),
        "body": trickle(house.port, b"a" * 60, after=f"{JSON}Content-Length: 60\r\n\r\n"),
        "chunks": trickle(house.port, b"1\r\na\r\n" * 20, after=f"{JSON}Transfer-Encoding: chunked\r\n\r\n"),
        "form": trickle(house.port, b"a" * 60, after=f"{FORM}{BROWSERS}Content-Length: 60\r\n\r\n"),
        "standing body": trickle(house.port, b"", after=f"{JSON}Content-Length: 60\r\n\r\n"),
        "body of a GET": trickle(
            house.port, b"a" * 60, after="GET /v1/me HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n"
        ),
        "hanging service": timed(ask(front.port, "/v1/me")),
        "wait": timed(ask(front.port, "/v1/link-requests/01a21498-d8de-7289-ac2f-8019f5c34146?wait=20")),
        "waiting page": timed(ask(front.port, "/accounts")),
    }
    idle = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(1000)]
    over = asyncio.Event()
    others = asyncio.create_task(meanwhile(house.port, over))
    tried["idle sockets"] = closed([reader for reader, _writer in idle])
    cuts = dict(zip(tried, await asyncio.gather(*tried.values()), strict=True))
    over.set()
    for _reader, writer in idle:
        writer.close()
    for one in front.recorders.values():
        one.until = None
    front.seen()
    return Slow(cuts, await others)


def answering_after(seconds: float) -> Callable[[Request], Awaitable[None]]:
    async def until(_request: Request) -> None:
        await asyncio.wait((asyncio.create_task(asyncio.Event().wait()),), timeout=seconds)

    return until


async def timed(call: Awaitable[Answer]) -> Cut:
    began = time.monotonic()
    return Cut(await call, time.monotonic() - began)


async def trickle(port: int, body: bytes, after: str = "") -> Cut:
    """A byte a second, until there is an answer or an end; half a minute at most."""
    async with wire(port) as via:
        began = time.monotonic()
        await via.send(after.encode())
        answer = asyncio.create_task(via.answer(30))
        left = list(body)
        while not answer.done():
            if left:
                via.write(bytes((left.pop(0),)))
            await asyncio.wait((answer,), timeout=1)
        return Cut(answer.result(), time.monotonic() - began)


async def closed(readers: list[asyncio.StreamReader]) -> Cut:
    began = time.monotonic()
    async with asyncio.timeout(30):
        assert await asyncio.gather(*(reader.read() for reader in readers)) == [b""] * len(readers)
    return Cut(None, time.monotonic() - began)


async def meanwhile(port: int, over: asyncio.Event) -> list[float]:
    """Seconds of calls of somebody else, one after another."""
    found, address = [], fresh_address()
    while not over.is_set():
        cut = await timed(ask(port, "/.well-known/jwks.json", address=address))
        assert cut.answer is not None
        assert cut.answer.status == 200
        found.append(cut.seconds)
        await asyncio.wait((asyncio.create_task(over.wait()),), timeout=0.1)
    return found


@pytest.mark.parametrize("what", ["headers", "nothing", "idle sockets"])
async def test_head_that_trickles_is_cut_after_ten_seconds(slow: Slow, what: str) -> None:
    cut = slow.cuts[what]

    assert cut.answer is None or cut.answer.status == 408
    assert 9 < cut.seconds < 20


@pytest.mark.parametrize("what", ["body", "chunks", "standing body"])
async def test_body_that_trickles_is_cut_after_ten_seconds_in_all(slow: Slow, what: str) -> None:
    cut = slow.cuts[what]

    assert cut.answer is not None
    assert cut.answer.problem()["code"] == "request-timeout"
    assert 9 < cut.seconds < 20


async def test_form_that_trickles_is_cut_and_told_on_a_page(slow: Slow) -> None:
    cut = slow.cuts["form"]

    assert cut.answer is not None
    assert (cut.answer.status, cut.answer.header("content-type")) == (408, "text/html; charset=utf-8")
    assert 9 < cut.seconds < 20


async def test_body_that_nobody_wants_is_not_waited_for(slow: Slow) -> None:
    cut = slow.cuts["body of a GET"]

    assert cut.answer is not None
    assert cut.answer.problem()["code"] == "not-authenticated"
    assert cut.seconds < 9


async def test_service_that_hangs_is_503_and_what_may_wait_is_waited_for(slow: Slow) -> None:
    hangs, wait, page = (slow.cuts[what] for what in ("hanging service", "wait", "waiting page"))

    assert hangs.answer is not None
    assert hangs.answer.problem()["code"] == "unavailable"
    assert 10 < hangs.seconds < 24
    assert wait.answer is not None
    assert page.answer is not None
    assert (wait.answer.status, page.answer.status) == (200, 200)


async def test_others_are_answered_beside_a_thousand_idle_sockets(slow: Slow) -> None:
    """That their times stay as they were is measured by hand: a machine that is busy says nothing about it."""
    assert len(slow.others) > 3
    assert max(slow.others) < 9
