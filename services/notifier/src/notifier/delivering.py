"""Delivering: taking due notifications up, handing each over at most as often as it may be, writing down the end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import stamina
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notifier import rules
from notifier.rules import Answer, Channel, Outcome, Status, Step
from notifier.writing import Due
from shared.contracts.notifier import NotificationFailed, NotificationSent
from shared.database import Database
from shared.delivering import is_transient
from shared.logging import logger
from shared.outbox import publish
from shared.stopping import any_of

LEASE = timedelta(seconds=180)
"""Longer than a door takes with one message (30 s, 60 s, a farewell) and than writing its end down may take (60 s)."""
SWEEP_SECONDS = 1.0
WRITE_DOWN_SECONDS = 60.0
DRAIN_SECONDS = 4.5
"""Within the worker's grace after SIGTERM, so that what is on its way mostly gets its answer."""

MayHandOver = Callable[[], Awaitable[float | None]]
HandOver = Callable[[Due, MayHandOver], Awaitable[Answer]]
_log = logger(__name__)

_TAKE_UP = text("""
    WITH due AS (
        SELECT id FROM notifications WHERE channel = :channel AND status = 'queued' AND due_at <= now()
        ORDER BY rank, due_at LIMIT :count FOR UPDATE SKIP LOCKED
    )
    UPDATE notifications AS row SET due_at = now() + :lease, tries = tries + 1 FROM due WHERE row.id = due.id
    RETURNING row.id, row.event_id, row.user_id, row.kind, row.channel, row.locale, row.address, row.sealed,
        row.details, row.created_at, row.due_at AS lease, row.tries, row.handings,
        now() + :margin >= row.expires_at AS late,
        (SELECT id FROM attempts WHERE notification_id = row.id AND outcome IS NULL) AS open_attempt
""")

# The lease is the proof that nobody else has taken it up since, and the clock that says whether its time is up is one.
_BEGIN = text("""
    UPDATE notifications SET handings = handings + 1
    WHERE id = :id AND status = 'queued' AND due_at = :lease AND now() + :margin < expires_at
    RETURNING extract(epoch FROM expires_at - now() - CAST(:margin AS interval))
""")
_ON_RECORD = text("INSERT INTO attempts (id, notification_id) VALUES (:attempt, :id)")
_OUTCOME = text("""
    UPDATE attempts SET outcome = :outcome, code = :code, finished_at = now() WHERE id = :attempt AND outcome IS NULL
""")
_AGAIN = text("""
    UPDATE notifications SET due_at = least(now() + :wait, greatest(expires_at - CAST(:margin AS interval), now()))
    WHERE id = :id AND status = 'queued' AND due_at = :lease
""")
_END = text("""
    UPDATE notifications SET status = :status, ended_at = now(), address = NULL, sealed = NULL, details = '{}',
        masked_address = CASE WHEN kind = 'user_erased' THEN NULL ELSE masked_address END
    WHERE id = :id AND status = 'queued' AND due_at = :lease
    RETURNING id
""")
_EXPIRE_WAITING = text("""
    UPDATE notifications SET status = 'expired', ended_at = now(), address = NULL, sealed = NULL, details = '{}'
    WHERE id IN (
        SELECT id FROM notifications WHERE status = 'waiting' AND now() + :margin >= expires_at
        LIMIT 500 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, user_id, kind, channel
""")


@dataclass(frozen=True)
class Dispatch:
    """One channel's delivery: its bell, its door, and how many messages it hands over at once."""

    channel: Channel
    database: Database
    bell: asyncio.Event
    hand_over: HandOver
    at_once: int

    async def run(self, stop: asyncio.Event) -> None:
        """Take up and deliver until `stop`; then let what is on its way finish."""
        running: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            self.bell.clear()
            free = self.at_once - len(running)
            taken = await self._take_up(free)
            running |= {asyncio.create_task(self._deliver(due)) for due in taken}
            if len(taken) == free:  # more may be due: go on when some places are free, not for each one
                await some_done(stop, running, max(self.at_once // 4, 1))
            else:
                await any_of(SWEEP_SECONDS, stop, self.bell)
            running = {task for task in running if not task.done()}
        if running:
            await asyncio.wait(running, timeout=DRAIN_SECONDS)
        for task in running:
            task.cancel()  # its attempt stays open, and the next worker finds an unknown outcome

    async def _take_up(self, count: int) -> list[Due]:
        try:
            return await take_up(self.database, self.channel, count)
        except Exception as problem:  # this loop must live; the database comes back
            _log.warning("deliveries_not_taken_up", channel=self.channel, cause=type(problem).__name__)
            return []

    async def _deliver(self, due: Due) -> None:
        try:
            await deliver(self.database, due, self.hand_over)
        except Exception as problem:  # this loop must live; the lease runs out and the notification comes back
            _log.error("delivery_failed", notification_id=due.id, kind=due.kind, cause=type(problem).__name__)


async def some_done(stop: asyncio.Event, running: set[asyncio.Task[None]], count: int) -> None:
    """Until so many deliveries have ended, the sweep is due or the work is over."""
    over = asyncio.create_task(stop.wait())
    with suppress(TimeoutError):
        async with asyncio.timeout(SWEEP_SECONDS):
            while not over.done() and sum(task.done() for task in running) < count:
                pending = {task for task in running if not task.done()}
                await asyncio.wait({over, *pending}, return_when=asyncio.FIRST_COMPLETED)
    over.cancel()


async def take_up(database: Database, channel: Channel, count: int) -> list[Due]:
    """Lease what is due, what somebody waits for first."""
    if count <= 0:
        return []
    values = {"channel": channel, "count": count, "lease": LEASE, "margin": rules.EXPIRY_MARGIN}
    async with database.transaction() as session:
        rows = (await session.execute(_TAKE_UP, values)).mappings().all()
    return [Due(**{**row, "kind": rules.Kind(row["kind"])}) for row in rows]


async def deliver(database: Database, due: Due, hand_over: HandOver) -> None:
    """See one notification through: settle what a dead worker left open, let it expire, or hand it over."""
    if due.open_attempt is not None:
        await write_down(database, due, due.open_attempt, Answer(Outcome.UNKNOWN, "interrupted"))
    elif due.late:
        await write_down(database, due, None, Answer(Outcome.WITHHELD))
    else:
        attempt = uuid7()
        answer = await hand_over(due, partial(begin, database, due, attempt))
        await write_down(database, due, attempt, answer)


async def begin(database: Database, due: Due, attempt: UUID) -> float | None:
    """Put the handing over on record; the seconds that are left for it, or None where it must not happen."""
    values = {"id": due.id, "lease": due.lease, "margin": rules.EXPIRY_MARGIN}
    async with database.transaction() as session:
        seconds = await session.scalar(_BEGIN, values)
        if seconds is None:
            return None
        await session.execute(_ON_RECORD, {"id": due.id, "attempt": attempt})
    return float(seconds)


async def write_down(database: Database, due: Due, attempt: UUID | None, answer: Answer) -> None:
    """The outcome and what follows it, in one transaction, tried again while the database is away for a moment."""
    async for again in stamina.retry_context(on=is_transient, timeout=WRITE_DOWN_SECONDS, attempts=None):
        with again:
            async with database.transaction() as session:
                step = await _settle(session, due, attempt, answer)
    _log.info(
        "notification_settled" if step.status is not Status.QUEUED else "notification_put_off",
        notification_id=due.id,
        kind=due.kind,
        status=step.status,
        outcome=answer.outcome,
        reply=answer.code,
    )


async def _settle(session: AsyncSession, due: Due, attempt: UUID | None, answer: Answer) -> Step:
    """Only the holder of the lease writes an end; an event tells of it, under the row's lock."""
    if answer.outcome is Outcome.WITHHELD:
        step = Step(Status.EXPIRED, reason="expired")
        if not due.late and not await session.scalar(_IS_LATE, {"id": due.id, "margin": rules.EXPIRY_MARGIN}):
            return Step(Status.QUEUED)  # another worker has it, or it was erased
    else:
        if attempt is not None:
            await session.execute(_OUTCOME, {"attempt": attempt, "outcome": answer.outcome, "code": answer.code})
        handings = await session.scalar(_HANDINGS, {"id": due.id}) or 0
        step = rules.next_step(answer, due.kind, due.channel, handings, due.tries)
    held = {"id": due.id, "lease": due.lease}
    if step.status is Status.QUEUED:
        await session.execute(_AGAIN, {**held, "wait": step.wait, "margin": rules.EXPIRY_MARGIN})
    elif await session.scalar(_END, {**held, "status": step.status}):
        told = {"notification_id": due.id, "user_id": due.user_id, "kind": due.kind, "channel": due.channel}
        sent = step.reason is None
        publish(session, NotificationSent(**told) if sent else NotificationFailed(**told, reason=step.reason))
    return step


_IS_LATE = text("SELECT now() + :margin >= expires_at FROM notifications WHERE id = :id")
_HANDINGS = text("SELECT handings FROM notifications WHERE id = :id")


async def expire_waiting(database: Database) -> int:
    """End what waited for an address in vain; how many."""
    async with database.transaction() as session:
        rows = (await session.execute(_EXPIRE_WAITING, {"margin": rules.EXPIRY_MARGIN})).mappings().all()
        for row in rows:
            told = {"notification_id": row["id"], "user_id": row["user_id"], "kind": row["kind"]}
            publish(session, NotificationFailed(**told, channel=row["channel"], reason="expired"))
    return len(rows)
