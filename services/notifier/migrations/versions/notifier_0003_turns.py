"""turns over all workers, an index for what waits in vain, looks of support among its acts"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision: str = "notifier_0003"
down_revision: str | None = "notifier_0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

WAITING = sa.text("status = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("notifications", sa.Column("has_turn", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("notifications_waiting_until", "notifications", ["expires_at"], postgresql_where=WAITING)
    op.alter_column("notification_acts", "notification_id", nullable=True)
    op.add_column("notification_acts", sa.Column("user_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE notification_acts SET user_id = notifications.user_id FROM notifications"
        " WHERE notifications.id = notification_acts.notification_id"
    )


def downgrade() -> None:
    op.execute("DELETE FROM notification_acts WHERE notification_id IS NULL")
    op.drop_column("notification_acts", "user_id")
    op.alter_column("notification_acts", "notification_id", nullable=False)
    op.drop_index("notifications_waiting_until", table_name="notifications", postgresql_where=WAITING)
    op.drop_column("notifications", "has_turn")
    op.drop_table("turns")
