"""places of workers, SMS by two providers with receipts, suppressed addresses, acts of support"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision: str = "notifier_0002"
down_revision: str | None = "notifier_0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

HELD = sa.text("status = 'queued' AND held_by IS NOT NULL")


def upgrade() -> None:
    op.add_column("notifications", sa.Column("held_by", sa.Integer(), nullable=True))
    op.create_index("notifications_held", "notifications", ["held_by"], unique=False, postgresql_where=HELD)
    # Links get a rank of their own between codes and notices, whose 1 becomes 2. The release before goes on writing
    # 1 for a while: its notices go with the links then, which harms nobody.
    op.execute("UPDATE notifications SET rank = rank + 1 WHERE status IN ('queued', 'waiting') AND channel = 'email'")
    op.execute(
        "UPDATE notifications SET rank = 2 WHERE status IN ('queued', 'waiting') AND rank = 1 AND channel = 'sms'"
    )
    text = sqlmodel.sql.sqltypes.AutoString()
    op.add_column("attempts", sa.Column("provider", text, nullable=True))
    op.add_column("attempts", sa.Column("repeatable", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("attempts", sa.Column("receipt", text, nullable=True))
    op.add_column("attempts", sa.Column("receipt_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "suppressed_addresses",
        sa.Column("address", text, nullable=False),
        sa.Column("code", text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_table(
        "notification_acts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("act", text, nullable=False),
        sa.Column("told_as", sa.Uuid(), nullable=True),
        sa.Column("by", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("notification_acts")
    op.drop_table("suppressed_addresses")
    for column in ("receipt_at", "receipt", "repeatable", "provider"):
        op.drop_column("attempts", column)
    op.execute("UPDATE notifications SET rank = least(rank, 1) WHERE status IN ('queued', 'waiting')")
    op.drop_index("notifications_held", table_name="notifications", postgresql_where=HELD)
    op.drop_column("notifications", "held_by")
