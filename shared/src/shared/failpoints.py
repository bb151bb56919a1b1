"""Fail points: named places round every step that leaves the process, where a test makes it die, wait or fail.

`<SERVICE>_FAIL_POINTS="relay.acknowledged=kill@3,consumer.polled=delay:2.5"`. Off, which is the default, a point is one
look at an empty dict (0.1 µs).
"""

import asyncio
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from shared.logging import logger

POINTS: Mapping[str, str] = {
    "database.flushed": "the rows of a transaction are written, outbox rows among them; nothing is committed",
    "database.committed": "a transaction is committed; neither its caller nor the relay knows",
    "doorbell.rung": "the relay was woken",
    "relay.placed": "this relay has the place and nothing else yet",
    "relay.started": "its producer is connected",
    "relay.fetched": "unsent rows are read and locked",
    "relay.enqueued": "they are with the producer; some may be on the wire",
    "relay.acknowledged": "Kafka has them, the database does not know",
    "relay.marked": "they are marked, which is not committed",
    "relay.committed": "the marks are committed",
    "outbox.resent": "sent rows are unsent again",
    "outbox.released": "a refused row is free to be sent, which is not committed",
    "outbox.given_up": "a refused row is out of the way of those behind it, which is not committed",
    "consumer.joined": "the reader is in its group and has polled nothing",
    "consumer.polled": "records are in memory",
    "delivering.counted": "the marker of a batch is written, not committed",
    "delivering.forgotten": "a marker is gone, not committed",
    "inbox.remembered": "the inbox rows of a batch are written, its effects are not",
    "inbox.reacted": "the effects are written too; nothing is committed",
    "consumer.committing": "the effects are committed, the offsets are not",
    "consumer.committed": "the offsets are committed",
    "dead_letters.parked": "inbox row and letter are written, not committed",
    "dead_letters.resolved": "a letter is marked as replayed or dropped, not committed",
    "dead_letters.replayed": "its effects are written too, not committed",
    "housekeeping.purged": "a batch of old rows is deleted, not committed",
    "door.answered": "a system outside, called by a service's own door, has answered",
}

_FORM = re.compile(r"(?P<point>[a-z_.]+)=(?P<act>kill|raise|delay):?(?P<seconds>\d+(?:\.\d+)?)?(?:@(?P<nth>[1-9]\d*))?")
_log = logger(__name__)


class Injected(ConnectionError):
    """What a point raises: as a connection that broke there would."""


@dataclass
class FailPoint:
    """What happens at a point: at the n-th passing alone, or at each."""

    act: str
    seconds: float = 0.0
    nth: int | None = None
    passed: int = 0

    async def hit(self, point: str) -> None:
        self.passed += 1
        if self.nth not in (None, self.passed):
            return
        match self.act:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)  # as a power cut: nothing is closed, flushed or said
            case "raise":
                raise Injected(point)
            case "delay":
                await asyncio.sleep(self.seconds)


_armed: dict[str, FailPoint] = {}


async def point(name: str) -> None:
    """The place itself."""
    if _armed and (armed := _armed.get(name)) is not None:
        await armed.hit(name)


def parse(said: str) -> dict[str, FailPoint]:
    """`point=kill|raise|delay:SECONDS[@n]`, comma-separated; a `ValueError` says what is wrong."""
    points: dict[str, FailPoint] = {}
    for part in filter(None, map(str.strip, said.split(","))):
        form = _FORM.fullmatch(part)
        if form is None or (form["act"] == "delay") != (form["seconds"] is not None):
            raise ValueError("fail points read point=kill, point=raise or point=delay:SECONDS, each with @n or without")
        if form["point"] not in POINTS:
            raise ValueError(f"there is no fail point {form['point']}; there are {', '.join(POINTS)}")
        nth = int(form["nth"]) if form["nth"] else None
        points[form["point"]] = FailPoint(form["act"], float(form["seconds"] or 0), nth)
    return points


def arm(said: str) -> None:
    """From now on the points act; "" disarms all."""
    _armed.clear()
    _armed.update(parse(said))
    if _armed:
        _log.critical("fail_points_armed", points=sorted(_armed))
