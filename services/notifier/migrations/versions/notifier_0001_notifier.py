"""notifier"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "notifier_0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = ("notifier",)
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("phone", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("locale", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("as_of", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "erased_readers", sa.Column("user_id", sa.Uuid(), nullable=False), sa.PrimaryKeyConstraint("user_id")
    )
    op.create_table(
        "feedback_messages",
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("locale", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("address", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("masked_address", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("sealed", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("handings", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status IN ('queued', 'waiting')) = (ended_at IS NULL)", name="notifications_end_is_an_end"
        ),
        sa.CheckConstraint(
            "ended_at IS NULL OR (address IS NULL AND sealed IS NULL)", name="notifications_wiped_at_the_end"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "notifications_due",
        "notifications",
        ["channel", "rank", "due_at"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "notifications_ended",
        "notifications",
        ["ended_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index("notifications_of_user", "notifications", ["user_id", "id"], unique=False)
    op.create_index(
        "notifications_once_per_event",
        "notifications",
        ["event_id", "kind", "channel", "user_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "notifications_waiting",
        "notifications",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "receipt_days",
        sa.Column("sender", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "day"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.ForeignKeyConstraint(["notification_id"], ["notifications.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attempts_of_notification", "attempts", ["notification_id"], unique=False)
    op.create_index(
        "attempts_one_at_a_time",
        "attempts",
        ["notification_id"],
        unique=True,
        postgresql_where=sa.text("outcome IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("attempts_one_at_a_time", table_name="attempts", postgresql_where=sa.text("outcome IS NULL"))
    op.drop_index("attempts_of_notification", table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("receipt_days")
    op.drop_index("notifications_waiting", table_name="notifications", postgresql_where=sa.text("status = 'waiting'"))
    op.drop_index("notifications_once_per_event", table_name="notifications", postgresql_nulls_not_distinct=True)
    op.drop_index("notifications_of_user", table_name="notifications")
    op.drop_index("notifications_ended", table_name="notifications", postgresql_where=sa.text("ended_at IS NOT NULL"))
    op.drop_index("notifications_due", table_name="notifications", postgresql_where=sa.text("status = 'queued'"))
    op.drop_table("notifications")
    op.drop_table("feedback_messages")
    op.drop_table("erased_readers")
    op.drop_table("contacts")
