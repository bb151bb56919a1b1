"""The whole set: servers, keys, topics, services and mailbox, started in order, watched, stopped in order."""

import asyncio
import contextlib
import http.client
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from deploy import keys
from deploy.embedded import environment, processes, servers
from deploy.embedded.children import CannotStart, Child
from deploy.embedded.claim import claim
from deploy.embedded.environment import PORTS, SERVICES, WITH_DATABASE, Secrets, Servers
from deploy.embedded.migrating import mark
from deploy.embedded.ports import HOST, require_free
from deploy.embedded.servers import Part, together
from deploy.embedded.supervisor import LONGEST_WAIT, Supervisor

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent


class EmbeddedSet:
    """`async with EmbeddedSet(folder, free_ports=True) as kabinet:` is everything, running and answering.

    With `free_ports` it stands beside any other set and takes no addresses from exported variables; without, the ports
    are the contract's and exported variables win. Start it from the main thread: children die with the thread.
    """

    def __init__(
        self,
        folder: Path,
        *,
        free_ports: bool = False,
        services: Sequence[str] = SERVICES,
        overrides: Mapping[str, str] | None = None,
        say: Callable[[str], None] = print,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self.folder = folder.absolute()
        self.services = tuple(services)
        self.ports: dict[str, int] = {}
        self.env: dict[str, str] = {}
        self._free_ports = free_ports
        self._overrides = dict(overrides or {})
        self._say = say
        self._parts: dict[str, Part] = {}
        self._supervisor = Supervisor(say, longest_wait)
        self._supervising: asyncio.Task[None] | None = None
        self._lock: TextIO | None = None

    @property
    def urls(self) -> dict[str, str]:
        """Where each service answers HTTP, without a slash at the end."""
        return {service: self._url(service) for service in self.services}

    @property
    def mailbox_url(self) -> str:
        return f"http://{HOST}:{self.ports['mailbox']}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Returns when every part answers. What cannot be started is a `CannotStart`, and nothing is left running."""
        self._lock = claim(self.folder)
        try:
            self.ports = environment.choose_ports(self._free_ports, os.environ)
            await self._require_free_ports()
            await together(self._start_kafka(), self._start_databases())
            await together(*(self._serve(service) for service in self.services))
            for part in self._parts.values():
                self._supervisor.watch(part.child)
            self._supervising = asyncio.create_task(self._supervisor.run())
            environment.write(self.folder / "env", self.env)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Services and mailbox first, then Kafka and Redis, then PostgreSQL. Called again it does nothing."""
        if self._lock is None:
            return
        if self._supervising:
            self._supervising.cancel()
            self._supervising = None
        (self.folder / "env").unlink(missing_ok=True)
        last = (("kafka", "redis"), ("postgres",))
        first = [name for name in self._parts if name not in {*last[0], *last[1]}]
        for names in (first, *last):
            await asyncio.gather(*(self._parts[name].child.stop() for name in names if name in self._parts))
        self._parts.clear()
        self._lock.close()
        self._lock = None

    def child(self, name: str) -> Child:
        """The process of a part: `postgres`, `redis`, `kafka`, `mailbox` or a service's name."""
        if name not in self._parts:
            raise CannotStart(f"{name} is not a part that this set started.")
        return self._parts[name].child

    async def answers(self, name: str) -> bool:
        """Whether the part runs and answers now."""
        return self.child(name).running and await self._parts[name].ready()

    async def pause(self, name: str) -> None:
        """Ends one part, its data and ports kept; nobody starts it again until `resume`."""
        child = self.child(name)
        self._supervisor.release(name)
        await child.stop()

    async def resume(self, name: str) -> None:
        """Returns when the part answers again."""
        child = self.child(name)
        child.start()
        await child.wait_ready(self._parts[name].ready)
        self._supervisor.watch(child)

    async def split(self, service: str) -> None:
        """From now on the service answers HTTP alone; its worker is a part of its own, `<service>-worker`."""
        await self.pause(service)
        self.child(service).command = [PROGRAMS / service, "api"]
        await self.resume(service)
        port = self.env[environment.prefix(service) + "WORKER_PORT"]
        worker = self._program(f"{service}-worker", service, "worker")
        await self._watch(worker, f"http://{HOST}:{port}")
        self._supervisor.watch(worker)

    async def join(self, service: str) -> None:
        """The service and its worker are one process again."""
        await self.pause(f"{service}-worker")
        del self._parts[f"{service}-worker"]
        await self.pause(service)
        self.child(service).command = [PROGRAMS / service, "serve"]
        await self.resume(service)

    async def pause_kafka(self) -> None:
        await self.pause("kafka")

    async def resume_kafka(self) -> None:
        await self.resume("kafka")

    def processes(self) -> list[processes.Process]:
        """The launcher and every part that runs, with its memory."""
        return processes.processes({name: part.child for name, part in self._parts.items()})

    async def run(self, service: str, *arguments: str | Path, log: str | None = None) -> None:
        """A command of a service (`identity import-legacy FILE`) to its end; a failed one is a `CannotStart`."""
        child = self._program(log or f"{service}-{arguments[0]}", service, *arguments)
        try:
            await child.wait_end()
        finally:  # a start that is given up half way leaves nothing behind
            await child.stop()

    def _program(self, name: str, service: str, *arguments: str | Path) -> Child:
        if not (program := PROGRAMS / service).exists():
            raise CannotStart(f"The program `{service}` is not installed beside {sys.executable}: run `uv sync`.")
        log = self.folder / "logs" / f"{name}.log"
        child = Child(name, [program, *arguments], log, environment.for_service(service, self.env))
        child.start()
        return child

    def _keep(self, part: Part) -> None:
        self._parts[part.child.name] = part

    def _url(self, service: str) -> str:
        return f"http://{HOST}:{self.env[environment.prefix(service) + 'HTTP_PORT']}"

    async def _require_free_ports(self) -> None:
        """Not those of servers that the user named, which we do not open."""
        theirs = {port for variable, ports in servers.OWN_PORTS.items() if os.environ.get(variable) for port in ports}
        for name in PORTS:
            if name not in theirs and (name in self.services or name not in SERVICES):
                await require_free(self.ports[name], name, PORTS[name][0])

    async def _start_kafka(self) -> None:
        await servers.kafka(self.folder, self.ports["kafka"], self.ports["kafka-controller"], self._keep, self._say)

    async def _start_databases(self) -> None:
        """PostgreSQL and Redis; then, while Kafka still starts, keys, settings, mailbox and migrations."""
        known = Secrets.of(self.folder / "secrets.json")
        if not (self.folder / "keys" / keys.PUBLIC).exists():
            keys.make(self.folder / "keys")
        found = Servers(
            postgres_url=await servers.postgres(self.folder, self.ports["postgres"], known, self._keep),
            redis_url=await servers.redis(self.folder, self.ports["redis"], self._keep),
            kafka=servers.kafka_bootstrap(self.ports["kafka"]),
        )
        own = environment.settings(self.ports, found, known, self.folder / "keys")
        exported_wins = not self._free_ports
        self.env = environment.with_exported(own, os.environ, exported_wins) | self._overrides
        migrated = [service for service in self.services if service in WITH_DATABASE]
        await together(self._mailbox(known), *(self._migrate(service) for service in migrated))

    async def _migrate(self, service: str) -> None:
        url = self.env[environment.prefix(service) + "DATABASE_URL"]
        (seen := self.folder / "migrated" / service).parent.mkdir(exist_ok=True)
        if not seen.exists() or seen.read_text() != await mark(service, url):
            await self.run(service, "migrate")
            seen.write_text(await mark(service, url))

    async def _mailbox(self, known: Secrets) -> None:
        log = self.folder / "logs" / "mailbox.log"
        child = mailbox_child(self.folder / "mailbox", log, self.ports["mailbox"], self.ports["smtp"], known.sms_token)
        child.start()
        await self._watch(child, self.mailbox_url)

    async def _serve(self, service: str) -> None:
        await self._watch(self._program(service, service, "serve"), self._url(service))

    async def _watch(self, child: Child, url: str) -> None:
        async def ready() -> bool:
            return await asyncio.to_thread(answers, url)

        self._keep(Part(child, ready))
        await child.wait_ready(ready)


def mailbox_child(folder: Path, log: Path, port: int, smtp_port: int, sms_token: str) -> Child:
    """The mailbox as a child, not started yet."""
    places = [f"--port={port}", f"--smtp-port={smtp_port}", f"--folder={folder}"]
    command = [sys.executable, "-m", "deploy.embedded.mailbox", *places]
    return Child("mailbox", command, log, {**os.environ, "PYTHONPATH": str(ROOT), "MAILBOX_SMS_TOKEN": sms_token})


def answers(url: str) -> bool:
    """Whether `/readyz` there says 200."""
    with contextlib.closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
