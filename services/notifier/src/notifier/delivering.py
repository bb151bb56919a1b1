"""Delivering: taking due notifications up, handing each over at most as often as it may be, writing down the end."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import stamina
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notifier import gauges, rules
from notifier.rules import Answer, Channel, Outcome, Status, Step
from notifier.writing import Due
from shared import telemetry
from shared.contracts.notifier import NotificationFailed, NotificationSent
from shared.database import Database, after_commit
from shared.delivering import is_transient
from shared.logging import logger
from shared.outbox import publish

LEASE = timedelta(seconds=180)
"""For a worker that hangs; a dead one is found sooner (`places.py`). Longer than a door takes with one message (30 s,
60 s, a farewell) and than writing its end down may take (60 s)."""
WRITE_DOWN_SECONDS = 60.0

MayHandOver = Callable[..., Awaitable[float | None]]
"""Of an SMS it is told `provider` and `repeatable`."""
HandOver = Callable[[Due, MayHandOver], Awaitable[Answer]]
_log = logger(__name__)

# Rank by rank, so that what was put off until later is not read each time: the index is entered at one rank's due ones.
_TAKE_UP = text("""
    WITH due AS (
        SELECT id FROM generate_series(0, CAST(:rank AS integer)) AS this (rank)
        CROSS JOIN LATERAL (
            SELECT id, due_at FROM notifications
            WHERE channel = :channel AND status = 'queued' AND notifications.rank = this.rank AND due_at <= now()
            ORDER BY due_at LIMIT :count FOR UPDATE SKIP LOCKED
        ) AS of_rank
        ORDER BY this.rank, due_at LIMIT :count
    )
    UPDATE notifications AS row SET due_at = now() + :lease, tries = tries + 1, held_by = :holder
    FROM due WHERE row.id = due.id
    RETURNING row.id, row.event_id, row.user_id, row.kind, row.channel, row.locale, row.rank, row.address, row.sealed,
        row.details, row.created_at, row.due_at AS lease, row.tries, row.handings, row.has_turn, row.traceparent,
        CASE WHEN row.channel = 'email' THEN split_part(row.masked_address, '@', 2) END AS domain,
        now() + :margin >= row.expires_at AS late,
        (SELECT id FROM attempts WHERE notification_id = row.id AND outcome IS NULL) AS open_attempt,
        (
            SELECT jsonb_object_agg(provider, jsonb_build_array(times, refused, unknown)) FROM (
                SELECT coalesce(provider, 'primary') AS provider, count(*) AS times,
                    coalesce(bool_or(outcome = 'refused'), false) AS refused,
                    coalesce(bool_or(outcome = 'unknown'), false) AS unknown
                FROM attempts WHERE notification_id = row.id AND row.channel = 'sms' GROUP BY 1
            ) AS asked
        ) AS asked
""")

# The lease is the proof that nobody else has taken it up since, and the clock that says whether its time is up is one.
_BEGIN = text("""
    UPDATE notifications SET handings = handings + 1
    WHERE id = :id AND status = 'queued' AND due_at = :lease AND now() + :margin < expires_at
    RETURNING extract(epoch FROM expires_at - now() - CAST(:margin AS interval))
""")
_ON_RECORD = text("""
    INSERT INTO attempts (id, notification_id, provider, repeatable) VALUES (:attempt, :id, :provider, :repeatable)
""")
_OUTCOME = text("""
    UPDATE attempts SET outcome = :outcome, code = :code, finished_at = now() WHERE id = :attempt AND outcome IS NULL
    RETURNING repeatable
""")
_AGAIN = text("""
    UPDATE notifications
    SET held_by = NULL, has_turn = :has_turn,
        due_at = least(now() + :wait, greatest(expires_at - CAST(:margin AS interval), now()))
    WHERE id = :id AND status = 'queued' AND due_at = :lease
""")
_END = text("""
    UPDATE notifications SET status = CAST(:status AS text), ended_at = now(),
        address = NULL, sealed = NULL, held_by = NULL,
        details = CASE WHEN CAST(:status AS text) = 'sent' THEN '{}' ELSE details END,
        masked_address = CASE WHEN kind = 'user_erased' THEN NULL ELSE masked_address END
    WHERE id = :id AND status = 'queued' AND due_at = :lease
    RETURNING extract(epoch FROM now() - created_at)
""")
_EXPIRE_WAITING = text("""
    UPDATE notifications SET status = 'expired', ended_at = now(), address = NULL, sealed = NULL
    WHERE id IN (
        SELECT id FROM notifications WHERE status = 'waiting' AND now() + :margin >= expires_at
        LIMIT 500 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, user_id, kind, channel
""")
_GIVE_BACK = text("""
    UPDATE notifications SET held_by = NULL, due_at = now()
    WHERE status = 'queued' AND held_by = :holder AND channel = :channel AND NOT id = ANY(:in_hand)
""")


async def take_up(database: Database, channel: Channel, count: int, holder: int, rank: int = rules.NOTICE) -> list[Due]:
    """Lease what is due for the worker in the place `holder`, what somebody waits for first; nothing above `rank`."""
    if count <= 0:
        return []
    values: dict[str, object] = {"channel": channel, "count": count, "rank": rank, "holder": holder}
    values |= {"lease": LEASE, "margin": rules.EXPIRY_MARGIN}
    async with database.transaction() as session:
        rows = (await session.execute(_TAKE_UP, values)).mappings().all()
    return [Due(**{**row, "kind": rules.Kind(row["kind"])}) for row in rows]


async def deliver(database: Database, due: Due, hand_over: HandOver) -> None:
    """See one notification through: settle what a dead worker left open, let it expire, or hand it over.

    What it is and what came of it belong to the trace of whatever asked for it.
    """
    about = {"kabinet.kind": due.kind.value, "kabinet.channel": due.channel}
    with telemetry.because(due.traceparent, f"hand over {due.channel}", telemetry.CONSUMER, **about):
        await _see_through(database, due, hand_over)


async def _see_through(database: Database, due: Due, hand_over: HandOver) -> None:
    if due.open_attempt is not None:
        await write_down(database, due, due.open_attempt, Answer(Outcome.UNKNOWN, "interrupted"))
    elif due.late:
        await write_down(database, due, None, Answer(Outcome.WITHHELD))
    else:
        attempt = uuid7()
        try:
            answer = await hand_over(due, partial(begin, database, due, attempt))
        except Exception as problem:
            if not is_transient(problem):
                raise
            answer = Answer(Outcome.TRY_LATER, "database")  # doors raise nothing: it was not put on record
        await write_down(database, due, attempt, answer)


async def put_off(database: Database, due: Due, wait: timedelta, has_turn: bool) -> None:
    """Make it due after `wait`; `has_turn`: its turn at its mail domain comes then, and it takes no other."""
    async with database.transaction() as session:
        values = {"id": due.id, "lease": due.lease, "wait": wait, "margin": rules.EXPIRY_MARGIN}
        await session.execute(_AGAIN, {**values, "has_turn": has_turn})


async def give_back(database: Database, channel: Channel, holder: int, in_hand: Sequence[UUID]) -> None:
    """Make due what stands as taken up by the worker, other than what it has in hand: its taking up was committed, and
    the answer was lost with the connection."""
    async with database.transaction() as session:
        await session.execute(_GIVE_BACK, {"channel": channel, "holder": holder, "in_hand": list(in_hand)})


async def begin(
    database: Database, due: Due, attempt: UUID, provider: str | None = None, repeatable: bool = False
) -> float | None:
    """Put the handing over on record; the seconds that are left for it, or None where it must not happen."""
    values = {"id": due.id, "lease": due.lease, "margin": rules.EXPIRY_MARGIN}
    async with database.transaction() as session:
        seconds = await session.scalar(_BEGIN, values)
        if seconds is None:
            return None
        asked = {"provider": provider, "repeatable": repeatable}
        await session.execute(_ON_RECORD, {"id": due.id, "attempt": attempt, **asked})
    return float(seconds)


async def write_down(database: Database, due: Due, attempt: UUID | None, answer: Answer) -> None:
    """The outcome and what follows it, in one transaction, tried again while the database is away for a moment."""
    async for again in stamina.retry_context(on=is_transient, timeout=WRITE_DOWN_SECONDS, attempts=None):
        with again:
            async with database.transaction() as session:
                step = await _settle(session, due, attempt, answer)
    gauges.handings.labels(due.channel, answer.outcome).inc()
    telemetry.note(**{"kabinet.outcome": answer.outcome.value})
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
        told = {"attempt": attempt, "outcome": answer.outcome, "code": answer.code}
        repeatable = bool(await session.scalar(_OUTCOME, told))
        handings = await session.scalar(_HANDINGS, {"id": due.id}) or 0
        step = rules.next_step(answer, due.kind, due.channel, handings, due.tries, repeatable)
    held = {"id": due.id, "lease": due.lease}
    if step.status is Status.QUEUED:
        later = {"wait": step.wait, "margin": rules.EXPIRY_MARGIN, "has_turn": False}
        await session.execute(_AGAIN, held | later)
    elif (took := await session.scalar(_END, {**held, "status": step.status})) is not None:
        after_commit(session, partial(_count_end, due, step.status, float(took)))
        told = {"notification_id": due.id, "user_id": due.user_id, "kind": due.kind, "channel": due.channel}
        sent = step.reason is None
        publish(session, NotificationSent(**told) if sent else NotificationFailed(**told, reason=step.reason))
    return step


def _count_end(due: Due, status: Status, took: float) -> None:
    gauges.ended.labels(due.kind, due.channel, status).inc()
    if status is Status.SENT:
        gauges.hand_over_seconds.labels(due.channel, rules.CLASSES[due.rank]).observe(took)


_IS_LATE = text("SELECT now() + :margin >= expires_at FROM notifications WHERE id = :id")
_HANDINGS = text("SELECT handings FROM notifications WHERE id = :id")


async def expire_waiting(database: Database) -> int:
    """End what waited for an address in vain; how many."""
    async with database.transaction() as session:
        rows = (await session.execute(_EXPIRE_WAITING, {"margin": rules.EXPIRY_MARGIN})).mappings().all()
        for row in rows:
            told = {"notification_id": row["id"], "user_id": row["user_id"], "kind": row["kind"]}
            publish(session, NotificationFailed(**told, channel=row["channel"], reason="expired"))
            after_commit(session, gauges.ended.labels(row["kind"], row["channel"], Status.EXPIRED).inc)
    return len(rows)
