"""Contracts, payments, links and what leads to them"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "billing_link_0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = ("billing_link",)
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "closings",
        sa.Column("account_number", sa.String(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("account_number", "closed_on"),
    )
    op.create_table(
        "contracts",
        sa.Column("account_number", sa.String(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("address_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_as_of", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_number", "opened_on"),
    )
    op.create_table(
        "erased_holders", sa.Column("user_id", sa.Uuid(), nullable=False), sa.PrimaryKeyConstraint("user_id")
    )
    op.create_table(
        "link_attempts",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("charged_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "subject"),
    )
    op.create_index("link_attempts_age", "link_attempts", ["charged_at"], unique=False)
    op.create_index("link_attempts_of_subject", "link_attempts", ["subject", "key", "charged_at"], unique=False)
    op.create_table(
        "link_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_number", sa.String(), nullable=False),
        sa.Column("kopecks", sa.BigInteger(), nullable=True),
        sa.Column("account_spent", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("refusal", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'pending') = (kopecks IS NOT NULL)", name="link_requests_amount_only_while_pending"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("link_requests_of_user", "link_requests", ["user_id", "id"], unique=False)
    op.create_index(
        "link_requests_one_pending",
        "link_requests",
        ["user_id", "account_number"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "link_requests_undecided",
        "link_requests",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_table(
        "link_wishes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_number", sa.String(), nullable=False),
        sa.Column("credentials_as_of", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "account_number"),
    )
    op.create_index("link_wishes_of_account", "link_wishes", ["account_number"], unique=False)
    op.create_table(
        "links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_number", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("evidence_on", sa.Date(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "links_active_of_account",
        "links",
        ["account_number"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "links_one_active",
        "links",
        ["user_id", "account_number"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("account_number", sa.String(), nullable=False),
        sa.Column("kopecks", sa.BigInteger(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("reversed_on", sa.Date(), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("payment_id"),
    )
    op.create_index("payments_of_account_by_day", "payments", ["account_number", "paid_on"], unique=False)


def downgrade() -> None:
    op.drop_index("payments_of_account_by_day", table_name="payments")
    op.drop_table("payments")
    op.drop_index("links_one_active", table_name="links", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index("links_active_of_account", table_name="links", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("links")
    op.drop_index("link_wishes_of_account", table_name="link_wishes")
    op.drop_table("link_wishes")
    op.drop_index("link_requests_undecided", table_name="link_requests", postgresql_where=sa.text("status = 'pending'"))
    op.drop_index(
        "link_requests_one_pending", table_name="link_requests", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_index("link_requests_of_user", table_name="link_requests")
    op.drop_table("link_requests")
    op.drop_index("link_attempts_of_subject", table_name="link_attempts")
    op.drop_index("link_attempts_age", table_name="link_attempts")
    op.drop_table("link_attempts")
    op.drop_table("erased_holders")
    op.drop_table("contracts")
    op.drop_table("closings")
