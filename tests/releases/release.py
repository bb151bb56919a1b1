"""Releases of billing-link as programs: the one before from its wheels, today's, and changed copies of today's."""

import asyncio
import os
import shutil
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from deploy.embedded.ports import free_port
from tests.kit import eventually

ROOT = Path(__file__).resolve().parents[2]
WHEELS = Path(__file__).parent / "0.1.0"
SESSION_SECONDS = 2.0
LAUNCH = f"""
import runpy
import shared.consumer
shared.consumer.SESSION_SECONDS = {SESSION_SECONDS}  # the others need not wait long for the place of one that died
runpy.run_module("billing_link", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Release:
    """`folder` comes before the workspace's packages; none: the workspace itself."""

    name: str
    folder: Path | None

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        path = {} if self.folder is None else {"PYTHONPATH": str(self.folder)}
        return {"PATH": os.environ["PATH"], **path, **settings}

    async def said(self, settings: Mapping[str, str], *python: str) -> str:
        """A command to its end, which must be a good one."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *python,
            env=self.environment(settings),
            cwd="/",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, output.decode()
        return output.decode()

    async def migrate(self, settings: Mapping[str, str]) -> None:
        await self.said(settings, "-c", LAUNCH, "migrate")

    @asynccontextmanager
    async def running(self, settings: Mapping[str, str], command: str = "worker") -> AsyncIterator["Program"]:
        """The program, killed at the end if it still runs."""
        port = free_port()
        ports = {"BILLING_LINK_HTTP_PORT": str(port), "BILLING_LINK_WORKER_PORT": str(port)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", LAUNCH, command),
            env=self.environment({**settings, **ports}),
            cwd="/",
            stdout=asyncio.subprocess.DEVNULL,
        )
        program = Program(process, f"http://127.0.0.1:{port}")
        try:
            yield program
        finally:
            await program.kill()


@dataclass(frozen=True)
class Program:
    process: asyncio.subprocess.Process
    url: str

    async def kill(self) -> None:
        """As a power cut would."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        """As an operator does; it must end well and in time."""
        self.process.terminate()
        assert await asyncio.wait_for(self.process.wait(), 10) == 0

    async def readyz(self) -> httpx2.Response:
        """Its answer, once it answers at all."""

        async def answered() -> httpx2.Response | None:
            assert self.process.returncode is None, "it ended"
            async with httpx2.AsyncClient(timeout=5) as client:
                try:
                    return await client.get(f"{self.url}/readyz")
                except httpx2.TransportError:
                    return None

        found = await eventually(answered, 30)
        assert found is not None
        return found


def release_before(folder: Path) -> Release:
    """0.1.0: a wheel of pure Python is a folder in an archive."""
    for wheel in sorted(WHEELS.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return Release("0.1.0", folder)


TODAY = Release("today", None)


def changed(folder: Path, name: str, migrations: Mapping[str, str], tables: tuple[str, str] = ("", "")) -> Release:
    """A copy of today's package with more migrations, and with one line of its tables written otherwise."""
    package = folder / "billing_link"
    shutil.copytree(ROOT / "services/billing-link/src/billing_link", package)
    shutil.copytree(ROOT / "services/billing-link/migrations", package / "migrations")
    for file, text in migrations.items():
        (package / "migrations/versions" / file).write_text(text)
    before, after = tables
    written = (package / "tables.py").read_text()
    assert not before or written.count(before) == 1, "today's tables have another line there"
    (package / "tables.py").write_text(written.replace(before, after, 1) if before else written)
    return Release(name, folder)
