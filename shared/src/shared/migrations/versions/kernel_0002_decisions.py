"""dead letters in the order of parking, who decided what of them, and how the big tables are vacuumed"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "kernel_0002"
down_revision: str | None = "kernel_0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

WAITING = sa.text("resolved_at IS NULL")
# Every event leaves a dead row in the outbox when it is marked and one in each table when it is purged. PostgreSQL's
# default lets a fifth of a table die before it looks: a day and a half of a week's rows.
VACUUMED = ("outbox", "inbox")


def upgrade() -> None:
    # A Kafka that lost its data begins its offsets anew: another record may have the position of an older letter.
    op.drop_index("dead_letters_one_per_position", table_name="dead_letters")
    op.drop_index("dead_letters_waiting", table_name="dead_letters", postgresql_where=WAITING)
    # What is there is numbered in the order in which it was written, which per key is that of parking.
    op.add_column("dead_letters", sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.add_column("dead_letters", sa.Column("resolved_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column(
        "dead_letters", sa.Column("failed_replays", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("dead_letters", sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("dead_letters", sa.Column("last_failure", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.create_index("dead_letters_waiting", "dead_letters", ["topic", "key", "number"], postgresql_where=WAITING)
    op.create_index(
        "dead_letters_resolved",
        "dead_letters",
        ["resolved_at", "resolution"],
        postgresql_where=sa.text("resolved_at IS NOT NULL"),
    )
    op.create_table(
        "dropped_events",
        sa.Column("outbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refusal", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("dropped_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("dropped_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("outbox_id"),
    )
    op.add_column(
        "deliveries",
        sa.Column("counted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index("ended_sessions_age", "ended_sessions", ["until"])
    for table in VACUUMED:
        op.execute(
            f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)"
        )


def downgrade() -> None:
    for table in VACUUMED:
        op.execute(f"ALTER TABLE {table} RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)")
    op.drop_index("ended_sessions_age", table_name="ended_sessions")
    op.drop_column("deliveries", "counted_at")
    op.drop_table("dropped_events")
    op.drop_index("dead_letters_resolved", table_name="dead_letters")
    op.drop_index("dead_letters_waiting", table_name="dead_letters", postgresql_where=WAITING)
    for name in ("last_failure", "last_failed_at", "failed_replays", "resolved_by", "number"):
        op.drop_column("dead_letters", name)
    op.create_index("dead_letters_waiting", "dead_letters", ["topic", "key", "position"], postgresql_where=WAITING)
    op.create_index("dead_letters_one_per_position", "dead_letters", ["topic", "partition", "position"], unique=True)
