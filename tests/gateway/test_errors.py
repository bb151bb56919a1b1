"""What the gateway says by itself: as the services say it to programs, and as the portal says it to people."""

import base64
import hashlib
import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from portal.web.answering import ERRORS
from shared.languages import translate
from shared.problems import DETAILS
from tests.gateway.conftest import Front
from tests.gateway.nginx import FILES
from tests.gateway.wire import Answer, ask, wire

TOLD = (400, 404, 405, 408, 413, 429, 503)
LOCALES = ("ru", "en")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def words(variable: str) -> dict[str, str]:
    """A map of words.conf."""
    block = re.search(rf"map \S+ \${variable} \{{\n(.*?)\n\}}", (FILES / "words.conf").read_text(), re.DOTALL)
    assert block is not None
    return {key: text.strip("\"'") for key, text in re.findall(r"^ +(\S+) (.+);$", block[1], re.MULTILINE)}


@pytest.mark.parametrize("status", TOLD)
def test_programs_are_told_in_the_services_words(status: int) -> None:
    key = "default" if status == 400 else str(status)
    code, detail = DETAILS[status]
    details = words("problem_detail")
    found = {
        "ru": details[key if status == 400 else f"ru:{key}"],
        "en": details["~^en:" if status == 400 else f"en:{key}"],
    }

    assert words("problem_code")[key] == code
    assert words("problem_title")[key] == HTTPStatus(status).phrase
    assert found == {locale: translate(detail, "shared", locale=locale) for locale in LOCALES}


@pytest.mark.parametrize("status", TOLD)
def test_people_are_told_in_the_portals_words(status: int) -> None:
    key = "default" if status == 400 else str(status)
    title, text = ERRORS[status]

    for locale in LOCALES:
        assert words(f"page_{locale}_title")[key] == translate(title, "portal", locale=locale)
        assert words(f"page_{locale}_text")[key] == translate(text, "portal", locale=locale)


def provoked(front: Front) -> Iterator[tuple[int, str, bytes]]:
    """Each status that the gateway answers by itself: with the path's beginning, and the request."""
    for start in ("/v1/sessions", "/login"):
        host = "Host: localhost\r\nConnection: close\r\n"
        yield 400, start, f"GET {start} HTTP/1.1\r\nConnection: close\r\n\r\n".encode()
        yield 404, start, f"GET {start};a HTTP/1.1\r\n{host}\r\n".encode()
        yield 405, start, f"TRACE {start} HTTP/1.1\r\n{host}\r\n".encode()
        yield 413, start, f"POST {start} HTTP/1.1\r\n{host}Content-Length: 70000\r\n\r\n".encode()
        yield 431, start, f"GET {start} HTTP/1.1\r\n{host}A: {'a' * 9000}\r\n\r\n".encode()
        yield 400, start, f"POST {start} HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n".encode()


async def test_programs_get_problems_and_people_pages(front: Front) -> None:
    for status, start, request in provoked(front):
        async with wire(front.port) as via:
            await via.send(request)
            answer = await via.answer()

        assert answer is not None, request[:60]
        assert answer.status == status, request[:60]
        assert_sound(answer)
        if start == "/login":
            page = answer.body.decode()
            assert answer.header("content-type") == "text/html; charset=utf-8"
            assert f"<h1>{words('page_ru_title').get(str(status), words('page_ru_title')['default'])}</h1>" in page
            assert f"<h2>{words('page_en_title').get(str(status), words('page_en_title')['default'])}</h2>" in page
        else:
            code, _detail = DETAILS.get(status, DETAILS[400])
            assert answer.problem()["code"] == code
            assert answer.problem()["type"] == f"urn:kabinet:problem:{code}"
            assert answer.problem()["title"] == HTTPStatus(status).phrase


def assert_sound(answer: Answer) -> None:
    """Not kept, not guessed at, of nobody's program, and without a word of what came in."""
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("server") == "nginx"
    assert answer.header("x-request-id")
    assert b"nginx" not in answer.body


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        ("", "ru"),
        ("ru", "ru"),
        ("en", "en"),
        ("en-GB,en;q=0.9,ru;q=0.8", "en"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("de,en;q=0.5", "en"),
        ("de", "ru"),
        ("*", "ru"),
        ("xx-eng", "ru"),
    ],
)
async def test_problem_is_told_in_the_callers_language(front: Front, accepted: str, locale: str) -> None:
    answer = await ask(front.port, "/v1/nothing", Accept_Language=accepted)

    assert answer.problem()["detail"] == translate(DETAILS[404][1], "shared", locale=locale)


async def test_trace_is_returned_if_it_is_one(front: Front) -> None:
    sound, other = [await ask(front.port, "/v1/nothing", traceparent=one) for one in (TRACE, "canary")]

    assert (sound.header("traceparent"), other.header("traceparent")) == (TRACE, None)


@pytest.mark.parametrize("target", ["/v1/nothing", "/nothing"])
async def test_head_gets_the_head_alone(front: Front, target: str) -> None:
    async with wire(front.port) as via:
        await via.send(f"HEAD {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = await via.answer(head=True)
        rest = await via.ended()

    assert answer is not None
    assert (answer.status, rest) == (404, b"")


async def test_page_may_show_its_own_style_and_nothing_else(front: Front) -> None:
    answer = await ask(front.port, "/nothing")

    style = re.search("<style>(.*)</style>", answer.body.decode())
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = answer.header("content-security-policy") or ""
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert b"<script" not in answer.body


async def test_errors_of_a_service_pass_as_they_are(front: Front) -> None:
    recorder = front.recorders["identity"]
    before = recorder.answer
    try:
        for status in (400, 404, 413, 429, 500, 502, 503, 504):
            recorder.answer = f"HTTP/1.1 {status} X\r\nContent-Length: 3\r\nContent-Type: a/b\r\n\r\nown".encode()
            answer = await ask(front.port, "/v1/me")

            assert (answer.status, answer.body, answer.header("content-type")) == (status, b"own", "a/b")
    finally:
        recorder.answer = before
