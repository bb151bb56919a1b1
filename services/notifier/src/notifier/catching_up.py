"""Catching up, where the database was set back to before: what was on its way then may have gone out since."""

from sqlalchemy import text

from notifier import rules
from shared.contracts.notifier import NotificationFailed
from shared.database import Database
from shared.outbox import publish

BATCH_ROWS = 500
_GIVE_UP = text("""
    UPDATE notifications SET status = 'unknown', ended_at = now(), address = NULL, sealed = NULL, held_by = NULL
    WHERE id IN (
        SELECT id FROM notifications WHERE status IN ('queued', 'waiting') AND rank < :notice
        ORDER BY id LIMIT :count FOR UPDATE
    )
    RETURNING id, user_id, kind, channel
""")


async def give_up_secrets(database: Database) -> int:
    """End every code and link that has not ended, as unknown, for it must not go out twice; how many.

    Notices stay: at worst one comes a second time. Whoever waits for a code or a link asks for a new one.
    """
    given_up, last = 0, BATCH_ROWS
    while last == BATCH_ROWS:
        async with database.transaction() as session:
            rows = (await session.execute(_GIVE_UP, {"notice": rules.NOTICE, "count": BATCH_ROWS})).mappings().all()
            for row in rows:
                told = {"notification_id": row["id"], "user_id": row["user_id"], "kind": row["kind"]}
                publish(session, NotificationFailed(**told, channel=row["channel"], reason="unknown"))
        last = len(rows)
        given_up += last
    return given_up
