"""devices of sessions, changes of address, history, erasures, support's acts"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "identity_0002"
down_revision: str | None = "identity_0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("users", sa.Column("pending_email", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column("sessions", sa.Column("device_id", sa.Uuid(), nullable=True))
    op.create_index("one_time_tokens_age", "one_time_tokens", ["expires_at"], unique=False)
    op.create_table(
        "history_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("history_entries_of_a_user", "history_entries", ["user_id", "id"], unique=False)
    op.create_index(
        "history_entries_sign_ins",
        "history_entries",
        ["at"],
        unique=False,
        postgresql_where=sa.text("kind = 'signed_in'"),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id"),
    )
    op.create_index(
        "erasures_open",
        "erasures",
        ["requested_at"],
        unique=False,
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    op.create_index(
        "erasures_complete",
        "erasures",
        ["completed_at"],
        unique=False,
        postgresql_where=sa.text("completed_at IS NOT NULL"),
    )
    op.create_table(
        "erasure_receipts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("service", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "service"),
    )
    op.create_table(
        "user_acts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("act", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("done_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("user_acts_on_a_user", "user_acts", ["user_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("user_acts_on_a_user", table_name="user_acts")
    op.drop_table("user_acts")
    op.drop_table("erasure_receipts")
    op.drop_index("erasures_complete", table_name="erasures", postgresql_where=sa.text("completed_at IS NOT NULL"))
    op.drop_index("erasures_open", table_name="erasures", postgresql_where=sa.text("completed_at IS NULL"))
    op.drop_table("erasures")
    op.drop_index(
        "history_entries_sign_ins", table_name="history_entries", postgresql_where=sa.text("kind = 'signed_in'")
    )
    op.drop_index("history_entries_of_a_user", table_name="history_entries")
    op.drop_table("history_entries")
    op.drop_index("one_time_tokens_age", table_name="one_time_tokens")
    op.drop_column("sessions", "device_id")
    op.drop_column("users", "pending_email")
