"""How long a code and a link take while a hundred thousand notices are queued before them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from uuid_utils.compat import uuid7

from notifier.main import service
from tests.kit import Databases, Running, eventually
from tests.notifier import facts
from tests.notifier.deaths import Stage, staged

FILL = """
    INSERT INTO notifications (id, event_id, kind, channel, locale, rank, status, address, masked_address,
                               details, due_at, expires_at, tries, handings)
    SELECT gen_random_uuid(), gen_random_uuid(), 'account_linked', 'email', 'ru', 2, 'queued',
           'reader' || n || '@mail.ru', 're•••@mail.ru', '{"ending": "3456"}', now() + make_interval(secs => :later),
           now() + interval '3 days', 0, 0
    FROM generate_series(1, :count) AS n
    RETURNING 1
"""


@dataclass
class Times:
    """Seconds from the event to the door outside, of what was asked for while notices went out all the time."""

    codes: list[float] = field(default_factory=list)
    links: list[float] = field(default_factory=list)
    notices_sent: int = 0

    @property
    def line(self) -> str:
        told = [f"{name} p50 {cut(of, 50):.3f} s, p99 {cut(of, 99):.3f} s (n={len(of)})"
                for name, of in (("codes", self.codes), ("links", self.links))]  # fmt: skip
        return f"{', '.join(told)}; {self.notices_sent} notices went out meanwhile"


def cut(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


async def measure(databases: Databases, keys: Path, folder: Path, notices: int, asked: int) -> Times:
    """`asked` codes and as many links, one after another."""
    async with staged(databases, keys, folder / "log", "code, primary") as stage:
        await stage.running.rows(FILL, count=notices, later=0)
        times, stop = Times(), asyncio.Event()
        tasks = [asyncio.create_task(loop(stage.running.wired, stop)) for loop in service.loops]
        await eventually(lambda: asyncio.sleep(0, len(stage.mail.taken)), 30)
        for n in range(asked):
            phone, letter = f"+79123{n:06}", f"asked{n}@mail.ru"
            sms = facts.code(phone=phone)
            times.codes.append(await took(stage.running, sms, lambda to=phone: has_sms(stage, to)))  # type: ignore[misc]
            link = facts.recovery(uuid7(), letter)
            times.links.append(await took(stage.running, link, lambda to=letter: [to] in stage.mail.recipients))  # type: ignore[misc]
        times.notices_sent = len(stage.mail.taken) - asked
        stop.set()
        await asyncio.gather(*tasks)
    return times


def has_sms(stage: Stage, to: str) -> bool:
    return to in [request["to"] for request in stage.primary.requests]


async def took(running: Running, event: facts.Told, arrived: Callable[[], bool]) -> float:
    started = time.monotonic()
    await running.hears(event)
    await eventually(lambda: asyncio.sleep(0, arrived()), 30)
    return time.monotonic() - started
