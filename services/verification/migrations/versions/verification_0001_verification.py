"""verification"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "verification_0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = ("verification",)
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "code_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("phone_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("code_checks_budget", "code_checks", ["phone_hmac", "checked_at"], unique=False)
    op.create_table(
        "code_sends",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("phone_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("code_sends_budget", "code_sends", ["phone_hmac", "sent_at"], unique=False)
    op.create_table(
        "phones",
        sa.Column("phone_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("phone_hmac"),
    )


def downgrade() -> None:
    op.drop_table("phones")
    op.drop_index("code_sends_budget", table_name="code_sends")
    op.drop_table("code_sends")
    op.drop_index("code_checks_budget", table_name="code_checks")
    op.drop_table("code_checks")
