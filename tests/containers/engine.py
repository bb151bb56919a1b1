"""A Docker engine for the tests: the one that answers, else a dockerd of their own, which leaves nothing behind."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "var" / "containers"
"""Images stay here from one run to the next, so that only the first builds them all."""

ENGINE_SECONDS = 20.0
NO_RULES = {
    "filter": "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n",
    "nat": "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n",
}
"""The packet filter's tables as they are where nobody has used them, and `iptables-save` says nothing of them."""
COMPOSE = "github.com/docker/compose/v2/cmd"
COMPOSE_VERSION = "v2.40.3"


class NoEngine(Exception):
    """Why there is none, in words for whoever asked for it."""


class Failed(Exception):
    """A command of the engine's that ended with another code than 0, and its last words."""


@dataclass(frozen=True)
class Engine:
    """Where an engine answers."""

    environment: Mapping[str, str]

    def docker(self, *arguments: str | Path, seconds: float = 600, env: Mapping[str, str] | None = None) -> str:
        """What `docker …` says, or `Failed`."""
        command = ["docker", *map(str, arguments)]
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment, **(env or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise Failed(
                f"{' '.join(command[:6])} … ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout

    def answers(self) -> bool:
        try:
            self.docker("version", "--format", "{{.Server.Version}}", seconds=5)
        except (Failed, subprocess.TimeoutExpired):
            return False
        return True

    def has(self, image: str) -> bool:
        return bool(self.docker("images", "-q", image).strip())

    def inspect(self, *names: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *names))
        return found


@contextmanager
def engine(folder: Path = FOLDER) -> Iterator[Engine]:
    """Raises `NoEngine` where none answers and none can be started within `ENGINE_SECONDS`."""
    if shutil.which("docker") is None:
        raise NoEngine("there is no program `docker` (Debian: apt install docker.io)")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "docker"
    (config / "cli-plugins").mkdir(parents=True, exist_ok=True)
    own = {"DOCKER_CONFIG": str(config), "DOCKER_BUILDKIT": "0", "COMPOSE_PARALLEL_LIMIT": "2"}
    if (known := Engine(own)).answers():
        _compose(known, config)
        yield known
        return
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        raise NoEngine(
            "no Docker engine answers, and to start one takes root and a dockerd (Debian: apt install docker.io)"
        )
    with _network_put_back(), _dockerd(folder) as socket:
        started = Engine({**own, "DOCKER_HOST": f"unix://{socket}"})
        _compose(started, config)
        yield started


@contextmanager
def _dockerd(folder: Path) -> Iterator[Path]:
    socket = folder / "docker.sock"
    places = ["--data-root", folder / "engine", "--exec-root", folder / "exec", "--pidfile", folder / "docker.pid"]
    with (folder / "dockerd.log").open("w") as log:
        process = subprocess.Popen(["dockerd", *map(str, places), "-H", f"unix://{socket}"], stdout=log, stderr=log)
    try:
        started = Engine({"DOCKER_HOST": f"unix://{socket}"})
        deadline = time.monotonic() + ENGINE_SECONDS
        while not started.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                last = (folder / "dockerd.log").read_text().splitlines()[-3:]
                raise NoEngine(f"dockerd did not answer within {ENGINE_SECONDS:.0f} s: {' | '.join(last)}")
            time.sleep(0.2)
        yield socket
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _network_put_back() -> Iterator[None]:
    """dockerd changes the machine's packet filter, forwarding and links, and leaves them so at its end."""
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    before, rules = forwarding.read_text(), _run("iptables-save")
    try:
        yield
    finally:
        _run("ip", "link", "delete", "docker0")
        missing = "".join(empty for table, empty in NO_RULES.items() if f"*{table}\n" not in rules)
        _run("iptables-restore", told=rules + missing)
        forwarding.write_text(before)


def _run(*command: str, told: str | None = None) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, input=told, capture_output=True, text=True, check=False).stdout


def _compose(found: Engine, config: Path) -> None:
    """`docker compose`: the one that is there, else built from its Go module (some minutes, once)."""
    try:
        found.docker("compose", "version")
    except Failed:
        if shutil.which("go") is None:
            raise NoEngine("there is no `docker compose`, and no `go` to build it from its module") from None
    else:
        return
    (source := config / "compose").mkdir(exist_ok=True)
    plugin = config / "cli-plugins" / "docker-compose"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    if not (source / "go.mod").exists():
        subprocess.run(
            ["go", "mod", "init", "compose.test"], cwd=source, env=environment, check=True, capture_output=True
        )
    for command in (
        ["get", f"{COMPOSE}@{COMPOSE_VERSION}"],
        ["build", "-ldflags", "-s -w", "-o", str(plugin), COMPOSE],
    ):
        done = subprocess.run(
            ["go", *command], cwd=source, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NoEngine(f"`docker compose` could not be built: {done.stderr[-500:]}")
    found.docker("compose", "version")
