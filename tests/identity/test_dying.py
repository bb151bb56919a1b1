"""A process that dies between the commit and the answer: whoever asks again with the same key gets that answer."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2

from deploy.embedded.ports import free_port
from deploy.embedded.topics import FILE
from shared.contracts.identity import EmailConfirmationRequested
from tests.identity.conftest import FORM, Identity
from tests.kit import eventually

KEY = {"Idempotency-Key": "one-registration-and-no-more"}


@asynccontextmanager
async def process(identity: Identity, **settings: str) -> AsyncIterator[str]:
    """`identity api` on the test's database; its address."""
    port = free_port()
    environment: Mapping[str, str] = {
        "PATH": os.environ["PATH"],
        "IDENTITY_DATABASE_URL": identity.running.kernel.database.dsn,
        "IDENTITY_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "IDENTITY_PUBLIC_KEYS_FILE": str(identity.running.keys / "public.jwks.json"),
        "IDENTITY_PRIVATE_KEYS_FILE": str(identity.running.keys / "identity.private.jwks.json"),
        "IDENTITY_TOPICS_FILE": str(FILE),
        "IDENTITY_HTTP_PORT": str(port),
        **settings,
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "identity", "api", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _lives(url), 30)
        yield url
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def _lives(url: str) -> bool:
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(f"{url}/livez")).status_code == 200
        except httpx2.TransportError:
            return False


async def register(url: str, body: Mapping[str, str]) -> httpx2.Response | None:
    """None where the process died instead of answering."""
    async with httpx2.AsyncClient(timeout=30) as client:
        try:
            return await client.post(f"{url}/v1/registrations", json=body, headers=KEY)
        except httpx2.TransportError:
            return None


async def test_registration_whose_answer_was_lost_is_answered_again_and_made_once(identity: Identity) -> None:
    body = {**FORM, "phone_proof": identity.phone_proof()}
    async with process(identity, IDENTITY_FAIL_POINTS="database.committed=kill@2") as url:  # the tries, then the effect
        lost = await register(url, body)

    async with process(identity) as url:
        answers = [await register(url, body) for _ in range(2)]

    [(user_id,)] = await identity.running.rows("SELECT id FROM users")
    assert lost is None
    assert [answer and (answer.status_code, answer.json()["id"]) for answer in answers] == [(201, str(user_id))] * 2
    assert len(await identity.running.said(EmailConfirmationRequested)) == 1
