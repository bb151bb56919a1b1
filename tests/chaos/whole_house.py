"""The whole set as the scenarios use it: opened once, people in it, one scenario's history judged after another."""

import asyncio
import csv
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2

from deploy.embedded.launcher import PROGRAMS, ROOT, EmbeddedSet
from tests.chaos.history import Effect, History, judge
from tests.chaos.people import Payment, People
from tests.chaos.table import RECOVERY_SECONDS, Row
from tests.chaos.whole_acts import coming, newcomer
from tests.chaos.whole_effects import Mailbox, collect
from tests.chaos.whole_state import at_rest, parked, said
from tests.kit import eventually

ACCOUNTS = 6000
REST_SECONDS = 240.0
"""How long everything may take to come to rest before what is still under way is told; the judgement is stricter."""

UNLIMITED: Mapping[str, str] = {
    "IDENTITY_GUESSES_PER_ADDRESS_MINUTE": "1000000",
    "IDENTITY_RECOVERY_LETTERS_PER_HOUR": "1000",
    "IDENTITY_LETTERS_PER_DAY": "1000",
    "VERIFICATION_RESEND_AFTER_SECONDS": "1",
    "VERIFICATION_COUNTRY_SENDS_PER_HOUR": "5000",
    "VERIFICATION_MONEY_PER_HOUR_ROUBLES": "20000",
    "VERIFICATION_MONEY_PER_DAY_ROUBLES": "40000",
    "BILLING_LINK_ACCOUNTS_PER_USER": "5000",
    "BILLING_LINK_ATTEMPTS_PER_USER_DAY": "1000000",
    "BILLING_LINK_ATTEMPTS_PER_ADDRESS_DAY": "1000000",
    "BILLING_LINK_ATTEMPTS_PER_DAY": "1000000",
}
"""The limits on how often one address or user may ask are not what is measured."""


@dataclass
class House:
    """A running set, and what is left of its billing data for people to ask for."""

    kabinet: EmbeddedSet
    http: httpx2.AsyncClient
    payments: Iterator[Payment]
    said: list[str] = field(default_factory=list)
    """What the launcher said of parts that ended and were started again."""
    planted: set[str] = field(default_factory=set)
    """Ids of events that a scenario said into a service's topic by itself: they stand in no outbox."""


@dataclass
class Scene:
    """One scenario under way."""

    house: House
    people: People
    history: History
    mailbox: Mailbox
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def kabinet(self) -> EmbeddedSet:
        return self.house.kabinet

    def kill(self, name: str) -> None:
        """SIGKILL for one part, with everything that it started."""
        pid = self.kabinet.child(name).pid
        if pid is not None and self.kabinet.child(name).running:
            self.history.fault(f"kill -9 {name}")
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    async def stand_again(self, *names: str) -> None:
        """Until these parts answer: a fault lasts as long as a process that was killed takes to start."""
        began = time.monotonic()
        for name in names:
            await eventually(partial(self.kabinet.answers, name), 120)
        self.notes.append(f"all parts answer {time.monotonic() - began:.1f} s after the last kill")

    async def take_away(self, name: str) -> None:
        """Killed, and nobody starts it again until the set resumes it."""
        self.kill(name)
        await self.kabinet.pause(name)

    def freeze(self, name: str, thaw: bool = False) -> None:
        """SIGSTOP: its connections stay open and nothing answers; or SIGCONT."""
        pid = self.kabinet.child(name).pid
        assert pid is not None, f"{name} runs"
        if not thaw:
            self.history.fault(f"stop {name}")
        os.killpg(pid, signal.SIGCONT if thaw else signal.SIGSTOP)


@asynccontextmanager
async def opened(folder: Path, accounts: int = ACCOUNTS, longest_wait: float = 1.0) -> AsyncIterator[House]:
    """Everything started, billing's exports imported, nobody there yet."""
    lines: list[str] = []
    kabinet = EmbeddedSet(
        folder / "set", free_ports=True, overrides=UNLIMITED, say=lines.append, longest_wait=longest_wait
    )
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=20)
    async with kabinet, httpx2.AsyncClient(timeout=20, limits=limits) as http:
        payments = exported(folder / "billing", accounts)
        files = ("--accounts", folder / "billing" / "accounts.csv", "--payments", folder / "billing" / "payments.csv")
        await kabinet.run("billing-link", "import", *files)
        yield House(kabinet, http, iter(payments), lines)


def exported(folder: Path, count: int) -> list[Payment]:
    """Billing's two files: accounts with one electricity payment each, all of different amounts."""
    folder.mkdir(parents=True, exist_ok=True)
    today = datetime.now(ZoneInfo("Europe/Moscow")).date()
    opened_on, paid_on = today - timedelta(days=900), today - timedelta(days=5)
    payments = [Payment(f"{70_000_000 + number}", 100_000 + 7 * number) for number in range(count)]
    with (folder / "accounts.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["account_number", "address", "opened_on", "closed_on"])
        writer.writerows([one.account_number, "г. Курск, ул. Ленина, д. 1, кв. 2", opened_on, ""] for one in payments)
    with (folder / "payments.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["payment_id", "account_number", "amount", "paid_on", "service", "reversed_on"])
        for one in payments:
            row = [f"p-{one.account_number}", one.account_number, one.amount(), paid_on, "electricity", ""]
            writer.writerow(row)
    return payments


async def judged(
    house: House,
    name: str,
    times: int,
    act: Callable[[Scene], Awaitable[None]],
    *,
    per_second: float = 3.0,
    users: int = 4,
    patience: float = 60.0,
    recovery: float = RECOVERY_SECONDS,
    then: Callable[[Scene], Awaitable[None]] | None = None,
) -> Row:
    """People come and go while `act` breaks things and mends them; then all comes to rest and is judged.

    `then` runs at rest, when nobody comes any more; afterwards all must come to rest again.
    """
    history, env = History(), house.kabinet.env
    people = People(house.kabinet, house.http, history, house.payments, patience)
    before = {one.id for one in await said(env["KAFKA_BOOTSTRAP_SERVERS"])}
    mailbox = Mailbox(house.kabinet.mailbox_url, house.http)
    await mailbox.open()
    scene = Scene(house, people, history, mailbox)
    letters_before = set(await parked(env))
    looking = asyncio.create_task(mailbox.run())
    try:
        await asyncio.gather(*(newcomer(people) for _ in range(users)))
        if not people.idle:
            raise RuntimeError(f"nobody could register: {people.refused}, {people.unanswered[-3:]}")
        async with coming(people, per_second):
            await act(scene)
            history.heal()
        _waited, moving = await at_rest(env, REST_SECONDS + recovery)
        resting = time.time() - history.healed
        found = await collect(people, mailbox, before)
        if then is not None:
            await then(scene)
            moving += (await at_rest(env, 60))[1]
        letters = set(await parked(env)) - letters_before
    finally:
        looking.cancel()
    return Row(
        name,
        times,
        judge(history, found.effects),
        parked=len(letters),
        notes=[
            *scene.notes,
            *sorted(letters)[:5],
            *found.notes,
            *_told(people),
            f"at rest {resting:.1f} s after the last fault; the last effects: {latest(history, found.effects)}",
        ],
        broken=[*scene.broken, *found.broken, *moving],
        recovery_limit=recovery,
    )


def latest(history: History, effects: Sequence[Effect]) -> str:
    """What came last of what was tried before the end of the faults, and when."""
    tried = [one for one in effects if one.id in history.tries and history.tries[one.id].begun <= history.healed]
    return ", ".join(f"{one.id} {one.at - history.healed:.1f} s" for one in tried[-3:])


def _told(people: People) -> list[str]:
    notes = [f"{people.calls} calls, {len(people.unanswered)} without an answer or with a 5xx"]
    return notes + [f"refused: {many} x {what}" for what, many in people.refused.most_common(5)]


def hurried(service: str) -> list[str | Path]:
    """The command of a service whose places are free soon after its death (see `whole_program`)."""
    return [sys.executable, "-m", "tests.chaos.whole_program", service, "serve"]


async def program(env: Mapping[str, str], service: str, *arguments: str) -> int:
    """A service's command to its end: its exit code, or the signal below zero that killed it."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(PROGRAMS / service, *arguments, env=env, stdout=quiet, stderr=quiet)
    return await process.wait()


def with_points(env: Mapping[str, str], prefix: str, points: str) -> dict[str, str]:
    """A child's environment, armed; its programs find the tests."""
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**env, f"{prefix}FAIL_POINTS": points, "PYTHONPATH": os.pathsep.join(paths)}


def words(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
