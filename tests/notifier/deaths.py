"""Deaths of a worker at every point of a message's way, and what its readers got."""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from uuid_utils.compat import uuid7

from notifier import delivering, places
from notifier.main import deliver_mail, deliver_sms, keep_place, look_out, service
from notifier.smtp import MailServer
from shared import failpoints
from tests.kit import Databases, Running, eventually, running
from tests.notifier import facts
from tests.notifier.outside import FormGateway, Gateway, MailHost, form_gateway, gateway, mail_host
from tests.notifier.programs import environment

PR_SET_PDEATHSIG = 1
QUICK = {"LOOK_SECONDS": 0.05, "LOOKS": 3, "AGAIN_SECONDS": 0.05}

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.notifier.deaths"])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(where: Any, name: str) -> None:
    """Death when the function has come to its end, with something in hand."""
    real = getattr(where, name)

    async def deadly(*arguments: Any, **named: Any) -> Any:
        result = await real(*arguments, **named)
        if result or name != "take_up":
            die()
        return result

    setattr(where, name, deadly)


def in_transaction(name: str) -> None:
    """Death when the function's transaction has written all and committed nothing."""
    real = getattr(delivering, name)

    async def deadly(*arguments: Any, **named: Any) -> Any:
        failpoints.arm("database.flushed=kill@1")
        return await real(*arguments, **named)

    setattr(delivering, name, deadly)


POINTS: Mapping[str, Callable[[], None]] = {
    "taken up": lambda: after(delivering, "take_up"),
    "envelope accepted": lambda: after(MailServer, "_envelope"),
    "attempt written": lambda: in_transaction("begin"),
    "attempt committed": lambda: after(delivering, "begin"),
    "message on the wire": lambda: None,
    "server answered": lambda: failpoints.arm("door.answered=kill"),
    "end written": lambda: in_transaction("write_down"),
    "end committed": lambda: after(delivering, "write_down"),
}
"""How each is planted. On the wire, the parent kills it as soon as something outside has a message."""


def live(point: str | None, channel: str, variables: Mapping[str, str], log: str) -> None:
    """A worker without a broker, from its first line to its death."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with Path(log).open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.environ.update(variables)
    for name, value in QUICK.items():
        setattr(places, name, value)
    if point is not None:
        POINTS[point]()
    uvloop.run(_live(channel))


async def _live(channel: str) -> None:
    """One channel alone, so that it is this one over which it dies."""
    async with service.opened(service.settings()) as (_kernel, wired):
        stop = asyncio.Event()
        deliver = deliver_mail if channel == "email" else deliver_sms
        await asyncio.gather(*(loop(wired, stop) for loop in (deliver, keep_place, look_out)))


@dataclass
class Toll:
    """What became of one kind of message: by status, how many; and how many times each was handed over."""

    statuses: Counter[str] = field(default_factory=Counter)
    handings: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def count(self, status: str, times: int, most: int, name: str) -> None:
        self.statuses[status] += 1
        self.handings.append(times)
        if times > most or status not in ("sent", "unknown") or (status == "sent" and not times):
            self.wrong.append(f"{name}: {status} after {times}")

    def __str__(self) -> str:
        ends = ", ".join(f"{status} {count}" for status, count in sorted(self.statuses.items()))
        return f"{ends}; handed over at most {max(self.handings, default=0)}×"


@dataclass
class Stage:
    """A notifier's database with a mail server and two SMS providers outside; `kind` is what is told on it."""

    kind: str
    running: Running
    mail: MailHost
    primary: Gateway
    backup: FormGateway
    log: Path
    kills: int = 0

    @property
    def channel(self) -> str:
        return "sms" if self.kind.startswith("code") else "email"

    def process(self, point: str | None) -> Any:
        first = "backup" if self.kind == "code, backup" else "primary"
        arguments = (point, self.channel, environment(self.running, sms_first=first), str(self.log))
        process = _forks.Process(target=live, args=arguments, daemon=True)
        process.start()
        return process

    @property
    def outside_has(self) -> int:
        return len(self.mail.taken) + len(self.primary.requests) + len(self.backup.sent)

    async def hurry(self) -> None:
        """What was put off is due at once."""
        await self.running.rows("UPDATE notifications SET due_at = now() WHERE held_by IS NULL RETURNING 1")

    async def tell(self, count: int) -> None:
        for n in range(count):
            user = uuid7()
            match self.kind:
                case "link":
                    await self.running.hears(facts.recovery(user, f"reader{n}@mail.ru"))
                case "notice":
                    await self.running.hears(facts.registered(user, f"reader{n}@mail.ru"), facts.linked(user))
                case _:
                    await self.running.hears(facts.code(phone=f"+79123{n:06}"))


BY_MAIL_ALONE = "envelope accepted"
KINDS = ("link", "notice", "code, primary", "code, backup")
MOST = {"notice": 2}
CELLS = [(point, kind) for point in POINTS for kind in KINDS if point != BY_MAIL_ALONE or not kind.startswith("code")]
"""Which kinds pass which point."""


async def over(process: Any, seconds: float = 30.0) -> bool:
    """Whether it died as it was meant to; else it had nothing left on which to die, and is killed."""
    await asyncio.to_thread(process.join, seconds)
    died = not process.is_alive()
    process.kill()
    await asyncio.to_thread(process.join)
    return died


async def die_over(stage: Stage, point: str) -> bool:
    """One life that ends at the point; false where there is nothing left to deliver."""
    await stage.hurry()
    if not await stage.running.rows("SELECT 1 FROM notifications WHERE status = 'queued'"):
        return False
    on_the_wire = point == "message on the wire"
    stage.mail.after_message = "stall" if on_the_wire else "answer"
    stage.primary.behaviours = stage.backup.behaviours = ["stall"] * 1000 if on_the_wire else []
    had = stage.outside_has
    process = stage.process(point)

    async def has_more_or_nothing_to_do() -> bool:
        left = await stage.running.rows("SELECT 1 FROM notifications WHERE status = 'queued'")
        return stage.outside_has > had or not left

    if on_the_wire:
        await eventually(has_more_or_nothing_to_do, 30)
        process.kill()
    died = await over(process, 30)
    stage.kills += died
    return died or on_the_wire


async def trial(stage: Stage, point: str, kills: int) -> Toll:
    """So many deaths at the point, with one message more than that to deliver, then a worker that lives.

    A death takes with it all that was in hand, so there may be nothing left to die over: then more is told.
    """
    count = kills + 1
    await stage.tell(count)
    while stage.kills < kills and count < 10 * (kills + 1):
        if not await die_over(stage, point):
            count += kills
            await stage.tell(kills)
    stage.mail.after_message, stage.primary.behaviours, stage.backup.behaviours = "answer", [], []

    async def ended() -> list[Any]:
        await stage.hurry()  # after many tries the next is minutes away
        return await facts.now_ended(stage.running, count)

    process = stage.process(None)
    try:
        rows = await eventually(ended, 60)
    finally:
        await over(process, 0)
    return counted(stage, rows)


def counted(stage: Stage, rows: list[Any]) -> Toll:
    """How many times each reader got it: a letter under its Message-ID; an SMS under its id, once from a provider that
    knows repeats and once for each post to the other."""
    letters = Counter(str(message["Message-ID"]).strip("<").partition("@")[0] for message in stage.mail.taken)
    posts = Counter(form["reference"] for form in stage.backup.sent)
    asked = {request["message_id"] for request in stage.primary.requests}
    toll = Toll()
    for row in rows:
        times = letters[str(row.id)] + posts[str(row.id)] + (str(row.id) in asked)
        toll.count(row.status, times, MOST.get(stage.kind, 1), str(row.id))
    strange = set(letters) | set(posts) | asked
    toll.wrong += [f"{name}: nobody's" for name in strange - {str(row.id) for row in rows}]
    return toll


@asynccontextmanager
async def staged(databases: Databases, keys: Path, log: Path, kind: str) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        mail = await stack.enter_async_context(mail_host())
        primary = await stack.enter_async_context(gateway())
        backup = await stack.enter_async_context(form_gateway())
        url = await databases.migrated(service.package)
        stack.push_async_callback(databases.drop, url)
        opened = running(
            service,
            url,
            keys,
            smtp_host="127.0.0.1",
            smtp_port=mail.port,
            smtp_security="none",
            mail_from="kabinet@energosbyt.example",
            support_address="support@energosbyt.example",
            sms_url=primary.url,
            sms_token="the-token",
            sms_sender="Energosbyt",
            sms_backup_url=backup.url,
            sms_backup_login="kabinet",
            sms_backup_password="the-password",
            portal_origin="https://lk.example.ru",
        )
        yield Stage(kind, await stack.enter_async_context(opened), mail, primary, backup, log)
