"""The door to the older gateway: one post whatever happens, and its word asked for by polling."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest

from notifier.rules import Answer, Outcome
from notifier.sms_form_gateway import SmsFormGateway
from tests.notifier.outside import FormGateway, form_gateway


@pytest.fixture
async def older() -> AsyncIterator[FormGateway]:
    async with form_gateway() as opened:
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as opened:
        yield opened


def door(client: httpx2.AsyncClient, url: str) -> SmsFormGateway:
    pauses = (0.01, 0.01, 0.01)
    return SmsFormGateway(client, url, "kabinet", "the-password", "Energosbyt", try_seconds=0.5, polls_seconds=pauses)


async def send(gateway: SmsFormGateway, seconds: float = 60) -> Answer:
    return await gateway.send("0190-1", "+79123456789", "Код 12345. Да & нет", seconds)


async def test_sms_is_posted_as_a_form_with_our_reference(client: httpx2.AsyncClient, older: FormGateway) -> None:
    answer = await send(door(client, older.url))

    assert answer == Answer(Outcome.ACCEPTED, "sent")
    assert older.sent == [
        {
            "login": "kabinet",
            "password": "the-password",
            "reference": "0190-1",
            "phone": "+79123456789",
            "from": "Energosbyt",
            "text": "Код 12345. Да & нет",
        }
    ]


@pytest.mark.parametrize(
    ("fates", "answer"),
    [
        (["queued", "sent"], Answer(Outcome.ACCEPTED, "sent")),
        (["queued", "rejected"], Answer(Outcome.REFUSED, "rejected")),
        (["queued", "queued", "queued"], Answer(Outcome.ACCEPTED, "queued")),
        (["unknown", "unknown", "unknown"], Answer(Outcome.ACCEPTED, "queued")),
    ],
)
async def test_queued_sms_is_asked_about_until_it_is_final_or_long_enough(
    client: httpx2.AsyncClient, older: FormGateway, fates: list[str], answer: Answer
) -> None:
    older.first, older.fates = "queued", fates

    assert await send(door(client, older.url)) == answer
    assert len(older.sent) == 1


@pytest.mark.parametrize("trouble", ["hang up", "stall", 500])
@pytest.mark.parametrize(
    ("fates", "outcome"),
    [
        (["sent"], Outcome.ACCEPTED),
        (["rejected"], Outcome.REFUSED),
        (["unknown", "queued"], Outcome.ACCEPTED),
        (["unknown", "unknown", "unknown"], Outcome.UNKNOWN),  # the lost post may still arrive
    ],
)
async def test_lost_answer_is_asked_for_and_the_sms_never_posted_again(
    client: httpx2.AsyncClient, older: FormGateway, trouble: int | str, fates: list[str], outcome: Outcome
) -> None:
    older.behaviours, older.fates = [trouble], list(fates)

    answer = await send(door(client, older.url))

    assert answer.outcome is outcome
    assert [path for path in older.asked if path.endswith("/send")] == ["/http/send"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.REFUSED),
        (422, Outcome.REFUSED),
        (401, Outcome.TRY_LATER),
        (429, Outcome.TRY_LATER),
        (503, Outcome.TRY_LATER),
    ],
)
async def test_gateway_that_says_no_has_taken_nothing(
    client: httpx2.AsyncClient, older: FormGateway, status: int, outcome: Outcome
) -> None:
    older.behaviours = [status]

    assert (await send(door(client, older.url))).outcome is outcome
    assert older.asked == ["/http/send"]


async def test_gateway_that_is_away_has_surely_taken_nothing(client: httpx2.AsyncClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        answer = await send(door(client, f"http://127.0.0.1:{free.getsockname()[1]}"))

    assert answer == Answer(Outcome.TRY_LATER, "ConnectError")


async def test_code_is_not_asked_about_after_its_time(client: httpx2.AsyncClient, older: FormGateway) -> None:
    older.behaviours = ["stall"]

    async with asyncio.timeout(5):
        answer = await send(door(client, older.url), seconds=0.2)

    assert answer == Answer(Outcome.UNKNOWN, "timeout")
    assert len(older.sent) == 1


def test_password_is_not_shown(client: httpx2.AsyncClient) -> None:
    assert "the-password" not in repr(door(client, "http://127.0.0.1:1"))
