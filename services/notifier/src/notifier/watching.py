"""Watching what is due: how much waits to be handed over, and how long, by channel and class."""

from typing import Any, get_args

from sqlalchemy import text

from notifier import gauges
from notifier.rules import CLASSES, Channel

MOST_COUNTED = 10_000
"""So that a mailing to everybody does not make each look as long as its queue."""

# Each is a look at one end of an index, or at so many rows of it.
_DUE = text("""
    SELECT of.channel, of.rank, waiting.many, coalesce(extract(epoch FROM now() - longest.due_at), 0)::float
    FROM (
        SELECT channel, rank FROM unnest(CAST(:channels AS text[])) AS channel, generate_series(0, 2) AS rank
    ) AS of
    CROSS JOIN LATERAL (
        SELECT count(*) AS many FROM (
            SELECT FROM notifications
            WHERE status = 'queued' AND notifications.channel = of.channel AND notifications.rank = of.rank
            LIMIT :most
        ) AS counted
    ) AS waiting
    LEFT JOIN LATERAL (
        SELECT due_at FROM notifications
        WHERE status = 'queued' AND notifications.channel = of.channel AND notifications.rank = of.rank
            AND due_at <= now()
        ORDER BY due_at LIMIT 1
    ) AS longest ON true
""")
_NOWHERE = text("SELECT count(*) FROM (SELECT FROM notifications WHERE status = 'waiting' LIMIT :most) AS counted")


async def measure(wired: Any) -> None:
    """Bring the gauges up to date."""
    async with wired.kernel.database.transaction() as session:
        due = await session.execute(_DUE, {"channels": list(get_args(Channel)), "most": MOST_COUNTED})
        for channel, rank, many, overdue in due.all():
            gauges.waiting.labels(channel, CLASSES[rank]).set(many)
            gauges.overdue.labels(channel, CLASSES[rank]).set(overdue)
        nowhere = await session.execute(_NOWHERE, {"most": MOST_COUNTED})
        gauges.without_address.set(nowhere.scalar_one())
