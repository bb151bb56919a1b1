"""`make demo`: the whole journey on a fresh set of its own, each step printed with what a person sees and its time."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2

from deploy.embedded import environment, sample
from deploy.embedded.journey import STEPS, Journey
from deploy.embedded.launcher import PROGRAMS, EmbeddedSet
from deploy.embedded.person import StepFailed
from deploy.embedded.ports import HOST

WIDTH = 26


async def walk() -> int:
    """0 only if every step held."""
    began = time.monotonic()
    print("Kabinet: PostgreSQL, Redis, Apache Kafka, SMTP and SMS, five programs; on free ports, data thrown away.\n")
    try:
        with scratch("kabinet-demo-") as folder:
            async with EmbeddedSet(folder / "set", free_ports=True) as kabinet:
                print(f"{'The set answers':{WIDTH}} {time.monotonic() - began:6.2f} s")
                made = sample.make(folder / "sample", datetime.now(ZoneInfo("Europe/Moscow")).date())
                try:
                    await imports(kabinet, made.accounts.parent)
                    await _journey(kabinet, made)
                except StepFailed as failure:
                    print(f"\nThis step did not hold: {failure}\n{_last_lines(kabinet)}", file=sys.stderr)
                    raise
                _memory(kabinet)
    except StepFailed:
        return 1
    print(f"\nEvery step held, in {time.monotonic() - began:.1f} s; its files ({folder}) are thrown away.")
    cabinet, mailbox = (f"http://{HOST}:{environment.PORTS[name][1]}" for name in ("portal", "mailbox"))
    print(f"`make up` starts a set that stays: the cabinet at {cabinet}, letters and SMS at {mailbox}")
    return 0


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder that is thrown away afterwards, unless something failed: then it is kept, and named."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    except Exception:
        print(f"\nKept for a look: {folder} (logs in {folder / 'set' / 'logs'})", file=sys.stderr)
        raise
    except BaseException:  # Ctrl-C: nobody wants to look
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


async def imports(kabinet: EmbeddedSet, folder: Path) -> None:
    """Both imports of the files in the folder, with their progress."""
    billing = ("--accounts", folder / "accounts.csv", "--payments", folder / "payments.csv")
    await step("Import of billing data", partial(_program, kabinet, "billing-link", "import", *billing))
    old = folder / "legacy_users.csv"
    await step("Import of old users", partial(_program, kabinet, "identity", "import-legacy", old))


async def _journey(kabinet: EmbeddedSet, made: sample.Sample) -> None:
    async with httpx2.AsyncClient(timeout=30, headers={"Accept-Language": "ru"}) as http:
        person = Journey(kabinet=kabinet, sample=made, http=http)
        for title, act in STEPS:
            await step(title, partial(act, person))


async def step(title: str, act: Callable[[], Awaitable[str]]) -> None:
    """One line: the step, its time, what a person sees."""
    began = time.monotonic()
    seen = await act()
    print(f"{title:{WIDTH}} {time.monotonic() - began:6.2f} s  {seen}")


async def _program(kabinet: EmbeddedSet, service: str, *arguments: str | Path) -> str:
    """A command of a service, with its progress bar on this terminal."""
    env = environment.for_service(service, kabinet.env)
    process = await asyncio.create_subprocess_exec(PROGRAMS / service, *arguments, env=env)
    if code := await process.wait():
        raise StepFailed(f"`{service} {arguments[0]}` ended with {code}")
    return "done"


def _memory(kabinet: EmbeddedSet) -> None:
    processes = kabinet.processes()
    told = ", ".join(f"{process.name} {process.pss:.0f}" for process in processes)
    print(f"\nMemory: {sum(process.pss for process in processes):.0f} MiB in all: {told}")


def _last_lines(kabinet: EmbeddedSet) -> str:
    """The end of each service's log; it holds nothing personal."""
    logs = sorted((kabinet.folder / "logs").glob("*.log"))
    return "\n".join(f"--- {log.stem}\n" + "".join(log.open(errors="replace").readlines()[-8:]) for log in logs)
