"""Whether the time of a refused sign-in tells who exists: |AUC - 0.5| for every pair of classes, idle and loaded."""

import asyncio
import bisect
import csv
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, count
from math import sqrt
from pathlib import Path

from identity import credentials
from identity.importing import import_legacy
from identity.made_up_hashes import made_up
from tests.bench.identities import WRONG, Identities, identities
from tests.bench.servers import Bench
from tests.bench.table import Line, Table
from tests.kit import Running

SAMPLES = int(os.environ.get("SILENCE_SAMPLES", "1000"))
MOST = 0.05
LOGINS = 50
"""Of each class; each is guessed at equally often, so that its counters grow alike."""
KINDS = ("md5", "bcrypt:8", "sha512-crypt:5000", "django:sha256,20000,32")
BACKGROUND = 3
"""Sign-ins at a time beside the measured one, under load."""

Classes = Mapping[str, Sequence[str]]
Refused = Callable[[str], Awaitable[None]]


async def silence(bench: Bench, table: Table) -> None:
    """A thousand samples of each class, in random order, so that the machine's moods meet all alike."""
    async with identities(bench) as ours:
        classes = await prepared(ours.inside, bench.folder, KINDS, LOGINS)
        async with ours.calls() as calls:

            async def refused(login: str) -> None:
                answer = await calls.post("/v1/sessions", {"login": login, "password": WRONG})
                assert answer.status == 401, answer.body

            _tell(table, "idle", await sampled(classes, refused, SAMPLES, table))
            async with _load(ours):
                _tell(table, "loaded", await sampled(classes, refused, SAMPLES, table))


def _tell(table: Table, when: str, times: Mapping[str, Sequence[float]]) -> None:
    for first, second in pairs(times):
        found = auc(times[first], times[second])
        other = second.partition(" ")[2]
        table.add(Line(f"{when}: {first} / {other}", abs(found.value - 0.5), "|AUC-.5|", most=MOST))
    table.add(Line(f"{when}: samples of each class", samples := len(next(iter(times.values()))), ""))
    table.add(Line(f"{when}: 95 % interval of each of these, +-", auc(range(samples), range(samples)).half_width, ""))


def pairs(classes: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Every pair that tells who exists.

    The form of a login and the kind of work that belongs to it are anybody's to see; so names are compared with names,
    and a number with those that do the same kind of work.
    """
    families = {name: name.partition(" ")[0] for name in classes}
    return ((a, b) for a, b in combinations(classes, 2) if families[a] == families[b])


async def prepared(inside: Running, folder: Path, kinds: Sequence[str], logins: int) -> dict[str, list[str]]:
    """People of every class, and logins that nobody has, the numbers by the kind of work that is drawn for them.

    A class is named `<family> <what it is>`.
    """
    classes = {"name unknown": [f"nobody{n}" for n in range(logins)]}
    for status in ("active", "blocked", "awaiting_email"):
        classes[f"name {status}"] = [f"{status.replace('_', '.')}{n}" for n in range(logins)]
        await _write(inside, classes[f"name {status}"], status, "registered")
    numbers = (f"{number}" for number in count(67_000_000))
    rows = []
    for kind in kinds:
        classes[f"{kind} waiting"] = [next(numbers) for _ in range(logins)]
        rows += [[number, made_up(kind), f"{number}@example.org", ""] for number in classes[f"{kind} waiting"]]
    classes["moved real"] = [next(numbers) for _ in range(logins)]
    await _write(inside, classes["moved real"], "active", "migrated")
    await _import(inside, folder / "silence.csv", rows)
    # As many of each kind have moved as the classes have people, so that every kind of work is drawn.
    await inside.rows("UPDATE old_hash_kinds SET moved = waiting / :kinds RETURNING 1", kinds=len(kinds))
    for name in [f"{kind} unknown" for kind in kinds] + ["moved unknown"]:
        classes[name] = []
    unknown = (f"{number}" for number in count(10_000_000))
    while any(len(found) < logins for found in classes.values()):
        number = next(unknown)
        drawn = await credentials.look_up(number, inside.wired)
        found = classes[f"{drawn.old.kind if drawn.old else 'moved'} unknown"]
        if len(found) < logins:
            found.append(number)
    return classes


async def _write(inside: Running, logins: Sequence[str], status: str, origin: str) -> None:
    await Identities(0, 0, inside).people(logins, status, origin)


async def _import(inside: Running, path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["account_number", "password_hash", "email", "phone"], *rows])
    kernel = inside.kernel
    day = datetime.now(UTC).date()
    await import_legacy(kernel.database, kernel.private_keys, path, digits=(8,), as_of=day)


async def sampled(
    classes: Classes, refused: Refused, samples: int, table: Table | None = None
) -> dict[str, list[float]]:
    """Seconds of each refusal; the classes take turns in an order that is drawn anew for each round."""
    times: dict[str, list[float]] = {name: [] for name in classes}
    for turn in range(samples):
        if table is not None and turn % 100 == 0:
            table.progress("samples of every class", turn, samples)
        for name in random.sample(list(classes), len(classes)):
            login = classes[name][turn % len(classes[name])]
            began = time.perf_counter()
            await refused(login)
            times[name].append(time.perf_counter() - began)
    return times


@dataclass(frozen=True)
class Auc:
    value: float
    half_width: float
    """Of the 95 % confidence interval, by the variance of the rank sum where the classes are alike."""


def auc(first: Sequence[float], second: Sequence[float]) -> Auc:
    """How often a sample of the second takes longer than one of the first; 0.5: they cannot be told apart."""
    ordered = sorted(first)
    below = sum((bisect.bisect_left(ordered, one) + bisect.bisect_right(ordered, one)) / 2 for one in second)
    n, m = len(first), len(second)
    return Auc(below / (n * m), 1.96 * sqrt((n + m + 1) / (12 * n * m)))


@asynccontextmanager
async def _load(ours: Identities) -> AsyncIterator[None]:
    """A bounded background: so many sign-ins at a time, of people and of nobody, until it is left."""
    stop = asyncio.Event()

    async def lane(name: str) -> None:
        async with ours.calls() as calls:
            while not stop.is_set():
                await calls.post("/v1/sessions", {"login": name, "password": WRONG})

    lanes = [asyncio.create_task(lane(f"background{n}")) for n in range(BACKGROUND)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*lanes)
