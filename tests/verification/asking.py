"""What people do with codes, and how tests let time pass."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from itertools import count
from typing import Any, TypeVar

import httpx2

from shared.contracts.verification import CodeRequested, CodeSecrets
from shared.keys import PrivateKeys
from shared.sealed import open_sealed
from tests.kit import Running

T = TypeVar("T")
PHONE = "8 912 345-67-89"


async def ask(running: Running, phone: str = PHONE, address: str = "", **headers: str) -> httpx2.Response:
    """`address` is the client's, as the portal would pass it on."""
    forwarded = {"X-Forwarded-For": address} if address else {}
    body = {"phone": phone, "purpose": "registration"}
    return await running.client.post("/v1/codes", json=body, headers={**forwarded, **headers})


async def send_again(running: Running, code_id: str) -> httpx2.Response:
    return await running.client.post(f"/v1/codes/{code_id}/sends")


async def check(running: Running, code_id: str, code: str) -> httpx2.Response:
    return await running.client.post(f"/v1/codes/{code_id}/check", json={"code": code})


async def sent_code(running: Running) -> str:
    """The code of the last SMS, opened as the notifier would."""
    return secrets(running, (await running.said(CodeRequested))[-1]).code


def secrets(running: Running, event: CodeRequested) -> CodeSecrets:
    return open_sealed(event, CodeSecrets, PrivateKeys(running.keys / "notifier.private.jwks.json"))


async def asked(running: Running, phone: str = PHONE) -> tuple[str, str]:
    """A code's id and digits."""
    code_id: str = (await ask(running, phone)).json()["id"]
    return code_id, await sent_code(running)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


async def let_pass(running: Running, seconds: int) -> None:
    """Make everything that was sent, tried or verified older, as if the time had passed."""

    def older(times: str) -> str:
        return f"{times} = ARRAY(SELECT at - interval '{seconds} seconds' FROM unnest({times}) AS at)"

    await running.rows(f"UPDATE phones SET {older('sent')}, {older('tried')} RETURNING 1")
    await running.rows(f"UPDATE asking_addresses SET {older('sent')} RETURNING 1")
    await running.rows(f"UPDATE prefixes SET {older('sent')}, {older('verified')} RETURNING 1")
    await running.rows(f"UPDATE permits SET used_at = used_at - interval '{seconds} seconds' RETURNING 1")


def phones(first: str = "+7912345", apart: int = 1) -> Iterator[str]:
    """Numbers one after another; `apart` 10,000 gives each a range of its own."""
    return (f"+{int(first.lstrip('+')) * 10_000 + number * apart}" for number in count())


async def refusals(running: Running) -> list[str]:
    """The rules of what was refused, in order."""
    return [rule for (rule,) in await running.rows("SELECT rule FROM code_refusals ORDER BY refused_at, id")]


async def in_parallel(calls: Iterable[Coroutine[Any, Any, T]], at_once: int = 20) -> list[T]:
    """The answers in the order of the calls; no more at once than the pool has connections, so that none queues."""
    room = asyncio.Semaphore(at_once)

    async def called(call: Coroutine[Any, Any, T]) -> T:
        async with room:
            return await call

    return await asyncio.gather(*map(called, calls))


def statuses(answers: list[httpx2.Response]) -> dict[Any, int]:
    found = [answer.status_code for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}
