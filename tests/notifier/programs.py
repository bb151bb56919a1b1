"""The notifier's own program, `notifier worker`, as a process that tests kill."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from deploy.embedded.ports import free_ports
from shared.settings import variable
from tests.kit import Running

ROOT = Path(__file__).resolve().parents[2]


def environment(running: Running, **more: str) -> dict[str, str]:
    """The settings of the opened service, as variables; no broker, and a port of its own."""
    settings = running.kernel.settings
    found = {name: getattr(settings, name) for name in settings.model_fields_set - {"trusted_proxies"}}
    plain = {name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in found.items()}
    plain |= {"worker_port": free_ports(1)[0], **more}
    return {variable(type(settings), name): str(value) for name, value in plain.items()}


@asynccontextmanager
async def worker(running: Running, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`notifier worker` on the opened service's database, with its settings as they are; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notifier", "worker"),
        cwd=ROOT,
        env=os.environ | environment(running, **more),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        await kill(process)


async def kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    await process.wait()
