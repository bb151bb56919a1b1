"""docker-compose.yml, up on an engine: what the journey needs of a set, and what a test may do to a container."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from deploy.compose import prepare
from deploy.embedded.environment import SERVICES
from tests.containers.engine import ROOT, Engine

PORT, MAILBOX_PORT = 28000, 28025
PROJECT = "kabinet-test"
HEALTHY_SECONDS = 240.0
PROBES = {
    **{f"{name}-api": 8001 + number for number, name in enumerate(SERVICES[:4])},
    **{f"{name}-worker": 9001 + number for number, name in enumerate(SERVICES[:4])},
    "portal": 8080,
    "mailbox": 8025,
}
"""Where a container of ours answers `/readyz`."""


class RunningSet:
    """Reached as a person reaches it: `urls` are the gateway's for every service."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.urls = dict.fromkeys(SERVICES, f"http://127.0.0.1:{PORT}")
        self.mailbox_url = f"http://127.0.0.1:{MAILBOX_PORT}"
        self.env: Mapping[str, str] = {"NOTIFIER_SUPPORT_ADDRESS": "support@energosbyt.example"}
        self.began = 0.0
        """When `up` was called, of the monotonic clock."""

    def compose(self, *arguments: str | Path, seconds: float = 600) -> str:
        """`docker compose …` of the project, on ports and a network of its own."""
        files = ("-f", ROOT / "docker-compose.yml", "-f", Path(__file__).with_name("override.yml"))
        chosen = {
            "KABINET_PORT": str(PORT),
            "KABINET_MAILBOX_PORT": str(MAILBOX_PORT),
            "KABINET_ORIGIN": f"http://127.0.0.1:{PORT}",
            "KABINET_SUBNET": "10.213.8.0/24",
            "KABINET_VERSION": "test",
        }
        place = ("--project-directory", ROOT, "-p", PROJECT)
        return self.engine.docker("compose", *files, *place, *arguments, seconds=seconds, env=chosen)

    def build(self) -> dict[str, float]:
        """The seconds of each image. One after the other, so that what they share is made once."""
        took = {}
        for name in ("tools", *SERVICES):
            began = time.monotonic()
            target = (
                ("--target", "tools")
                if name == "tools"
                else ("--build-arg", f"SERVICE={name}", "--build-arg", "VERSION=test")
            )
            mirrors = [part for variable in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX") for part in _passed_on(variable)]
            image = f"kabinet/{name}:test"
            self.engine.docker("build", "-q", "-f", ROOT / "deploy/Dockerfile", *target, *mirrors, "-t", image, ROOT)
            took[image] = time.monotonic() - began
        return took

    def up(self) -> float:
        """The seconds until the gateway answers with the cabinet's page."""
        prepare.prepare(prepare.FOLDER)
        began = self.began = time.monotonic()
        self.compose("up", "-d", "--no-build", "--quiet-pull")
        with httpx2.Client(timeout=2) as http:
            while not _answers(http, f"http://127.0.0.1:{PORT}/login"):
                if time.monotonic() - began > HEALTHY_SECONDS:
                    raise TimeoutError(self.compose("ps", "-a"))
                time.sleep(0.1)
        return time.monotonic() - began

    async def all_ready(self, http: httpx2.AsyncClient) -> bool:
        """Whether every worker answers too; nobody waits for them at the start."""
        return all([await self.ready(service, http) for service in PROBES])

    def down(self) -> None:
        self.compose("down", "-v", "--remove-orphans", "--timeout", "20")

    def container(self, service: str) -> str:
        """The container's name, also of one that ended."""
        return f"{PROJECT}-{service}-1"

    def inspect(self, service: str) -> dict[str, Any]:
        return dict(self.engine.inspect(self.container(service))[0])

    def services(self) -> list[str]:
        """Those that stay up: the jobs have come to their end."""
        return sorted(self.compose("ps", "--services", "--status", "running").split())

    def crash(self, service: str) -> None:
        """As a fault does it: `docker kill` would count as somebody's wish, and the engine would not start it again."""
        os.kill(self.inspect(service)["State"]["Pid"], signal.SIGKILL)

    def started_at(self, service: str) -> str:
        return str(self.inspect(service)["State"]["StartedAt"])

    async def ready(self, service: str, http: httpx2.AsyncClient, other_than: str = "") -> bool:
        """Whether the container's program answers by itself, asked from this machine and not through a health check.

        `other_than` is a start that does not count: the engine takes a moment to see that a program was killed. Each
        question costs a process, so there is a pause before it.
        """
        await asyncio.sleep(0.3)
        state = await asyncio.to_thread(self.inspect, service)
        if not state["State"]["Running"] or state["State"]["StartedAt"] == other_than:
            return False
        if service not in PROBES:
            return bool(state["State"]["Health"]["Status"] == "healthy")
        networks = state["NetworkSettings"]["Networks"].values()
        address = next((network["IPAddress"] for network in networks if network["IPAddress"]), "")
        try:
            answer = await http.get(f"http://{address}:{PROBES[service]}/readyz")
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200

    def memory(self) -> dict[str, str]:
        lines = self.engine.docker("stats", "--no-stream", "--format", "{{json .}}").splitlines()
        found = {one["Name"]: one["MemUsage"] for one in map(json.loads, lines)}
        return {service: found[self.container(service)] for service in self.services()}

    async def pause_kafka(self) -> None:
        await asyncio.to_thread(self.compose, "stop", "kafka")

    async def resume_kafka(self) -> None:
        await asyncio.to_thread(self.compose, "start", "kafka")


@contextmanager
def running_set(engine: Engine, folder: Path) -> Iterator[RunningSet]:
    """Taken down at the end with its volumes; what each container said last stays in `folder`."""
    kabinet = RunningSet(engine, folder)
    kabinet.down()  # of a run that was cut off
    try:
        yield kabinet
    finally:
        (folder / "compose.log").write_text(kabinet.compose("logs", "--no-color", "--tail", "300"))
        kabinet.down()


def _passed_on(variable: str) -> list[str]:
    return ["--build-arg", variable] if os.environ.get(variable) else []


def _answers(http: httpx2.Client, url: str) -> bool:
    try:
        return http.get(url).status_code == 200
    except httpx2.HTTPError:
        return False
