"""What the mailbox and a health check do otherwise in a container: a token from a file, receipts to a named host."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from deploy.embedded.children import Child
from deploy.embedded.launcher import answers
from deploy.embedded.mailbox_sms import HERE, Receipts
from deploy.embedded.ports import HOST, free_ports
from tests.containers.compose_file import ROOT

HEALTHY = ROOT / "deploy" / "compose" / "healthy.py"


@asynccontextmanager
async def answering(status: int) -> AsyncIterator[tuple[int, list[str]]]:
    """A port where each request is answered so, and the first lines of those that came."""
    seen: list[str] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readline()).decode().strip())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(receive, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1], seen


@pytest.mark.parametrize(("hosts", "told"), [((HOST,), 1), (HERE, 1), (("notifier-api",), 0)], ids=str)
async def test_receipts_go_to_the_hosts_that_were_named(hosts: tuple[str, ...], told: int) -> None:
    async with answering(204) as (port, seen):
        await Receipts("secret", hosts).send(f"http://{HOST}:{port}/v1/sms-receipts/primary", "{}", "application/json")

    assert len(seen) == told


async def test_the_token_may_stand_in_a_file(tmp_path: Path) -> None:
    (token := tmp_path / "token").write_text("of-a-file\n")
    port, smtp_port = free_ports(2)
    places = [f"--port={port}", f"--smtp-port={smtp_port}", f"--folder={tmp_path}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MAILBOX_SMS_TOKEN_FILE": str(token)}
    command = [sys.executable, "-m", "deploy.embedded.mailbox", *places]
    child = Child("mailbox", command, tmp_path / "log", environment)
    child.start()
    try:
        await child.wait_ready(lambda: asyncio.to_thread(answers, f"http://{HOST}:{port}"))
        sms = {"message_id": "m1", "to": "+79120000001", "sender": "Energosbyt", "text": "12345"}
        async with httpx2.AsyncClient(base_url=f"http://{HOST}:{port}") as client:
            right = await client.post("/sms/messages", json=sms, headers={"Authorization": "Bearer of-a-file"})
            wrong = await client.post("/sms/messages", json=sms, headers={"Authorization": "Bearer another"})
    finally:
        await child.stop()

    assert (right.status_code, wrong.status_code) == (200, 401)


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
async def test_a_container_is_well_while_readyz_says_200(status: int, code: int) -> None:
    async with answering(status) as (port, seen):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-IS", HEALTHY, str(port), stdout=subprocess.DEVNULL
        )
        ended = await process.wait()

    assert (ended, seen) == (code, ["GET /readyz HTTP/1.1"])


async def test_a_container_is_not_well_where_nothing_listens() -> None:
    [port] = free_ports(1)

    process = await asyncio.create_subprocess_exec(sys.executable, "-IS", HEALTHY, str(port), stdout=subprocess.DEVNULL)

    assert await process.wait() == 1
