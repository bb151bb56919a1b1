"""The door to the SMS gateway, against a real HTTP server on loopback that refuses, stalls and hangs up."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest

from notifier.rules import Answer, Outcome
from notifier.sms_gateway import SmsGateway
from tests.notifier.outside import Gateway


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as opened:
        yield opened


def door(client: httpx2.AsyncClient, url: str, try_seconds: float = 0.3) -> SmsGateway:
    return SmsGateway(client, url, "the-token", "Energosbyt", try_seconds=try_seconds, total_seconds=3.0)


async def send(gateway: SmsGateway, seconds: float = 60) -> Answer:
    return await gateway.send("0190-1", "+79123456789", "Код 12345.", seconds)


async def test_sms_is_asked_for_with_the_operators_token(client: httpx2.AsyncClient, operator: Gateway) -> None:
    answer = await send(door(client, operator.url))

    assert answer == Answer(Outcome.ACCEPTED, "200")
    assert operator.authorizations == ["Bearer the-token"]
    assert operator.requests == [
        {"message_id": "0190-1", "to": "+79123456789", "sender": "Energosbyt", "text": "Код 12345."}
    ]


@pytest.mark.parametrize("trouble", ["hang up", "stall", 500, 502, 503, 429])
async def test_trouble_is_asked_again_under_the_same_id(
    client: httpx2.AsyncClient, operator: Gateway, trouble: int | str
) -> None:
    operator.behaviours = [trouble]

    answer = await send(door(client, operator.url))

    assert answer.outcome is Outcome.ACCEPTED
    assert [request["message_id"] for request in operator.requests] == ["0190-1", "0190-1"]
    assert operator.texts == ["Код 12345."]


@pytest.mark.parametrize(
    ("behaviours", "outcome"),
    [
        (["hang up"] * 3, Outcome.UNKNOWN),
        (["stall"] * 3, Outcome.UNKNOWN),
        ([500] * 3, Outcome.UNKNOWN),
        ([503] * 3, Outcome.TRY_LATER),  # said by a gateway that did not take it
        ([429] * 3, Outcome.TRY_LATER),
        (["hang up", 503, 503], Outcome.UNKNOWN),  # the first may have been taken
        (["hang up", 401], Outcome.UNKNOWN),
        (["hang up", 422], Outcome.REFUSED),
        ([422], Outcome.REFUSED),
        ([400], Outcome.REFUSED),
        ([401], Outcome.TRY_LATER),
        ([404], Outcome.TRY_LATER),
        ([302], Outcome.TRY_LATER),
    ],
)
async def test_what_is_known_after_all_tries(
    client: httpx2.AsyncClient, operator: Gateway, behaviours: list[int | str], outcome: Outcome
) -> None:
    operator.behaviours = list(behaviours)

    answer = await send(door(client, operator.url))

    assert answer.outcome is outcome
    assert len(operator.requests) == len(behaviours)


async def test_gateway_that_is_away_has_surely_taken_nothing(client: httpx2.AsyncClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        answer = await send(door(client, f"http://127.0.0.1:{free.getsockname()[1]}/"))

    assert answer == Answer(Outcome.TRY_LATER, "ConnectError")


async def test_code_is_not_asked_for_after_its_time(client: httpx2.AsyncClient, operator: Gateway) -> None:
    operator.behaviours = ["stall", "stall", "stall"]

    async with asyncio.timeout(2):
        answer = await send(door(client, operator.url, try_seconds=5.0), seconds=0.2)

    assert answer.outcome is Outcome.UNKNOWN
    assert len(operator.requests) == 1


def test_token_is_not_shown(client: httpx2.AsyncClient) -> None:
    assert "the-token" not in repr(door(client, "http://127.0.0.1:1/"))
