"""Objections, acts of support, and the guess bound"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "billing_link_0002"
down_revision: str | None = "billing_link_0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "objections",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_number", sa.String(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("objected_by", sa.Uuid(), nullable=True),
        sa.Column("objected_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "account_number"),
    )
    op.create_table(
        "link_acts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("account_number", sa.String(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("done_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("link_acts_on_an_account", "link_acts", ["account_number", "id"], unique=False)
    op.create_table(
        "frequent_amounts",
        sa.Column("kopecks", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("kopecks"),
    )
    op.create_table(
        "guess_bounds",
        sa.Column("computed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=False),
        sa.Column("per_account", sa.Float(), nullable=False),
        sa.Column("per_user_day", sa.Float(), nullable=False),
        sa.Column("per_address_day", sa.Float(), nullable=False),
        sa.Column("links_per_day", sa.Float(), nullable=False),
        sa.Column("classes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("guess_bounds")
    op.drop_table("frequent_amounts")
    op.drop_index("link_acts_on_an_account", table_name="link_acts")
    op.drop_table("link_acts")
    op.drop_table("objections")
