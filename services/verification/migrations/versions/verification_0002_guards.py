"""guards against toll fraud; budgets become times in the row that is locked for them

`code_sends` and `code_checks` stay for release 0.1, which may still run beside this one.
"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "verification_0002"
down_revision: str | None = "verification_0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

DAYS = """
UPDATE phones SET
  sent = coalesce((SELECT array_agg(sent_at ORDER BY sent_at) FROM code_sends AS one
    WHERE one.phone_hmac = phones.phone_hmac AND sent_at > now() - interval '1 day'), '{}'),
  tried = coalesce((SELECT array_agg(checked_at ORDER BY checked_at) FROM code_checks AS one
    WHERE one.phone_hmac = phones.phone_hmac AND checked_at > now() - interval '1 day'), '{}')
"""
"""What a phone has spent is not forgotten by a new release."""


def upgrade() -> None:
    op.create_table(
        "asking_addresses",
        sa.Column("address_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("sent", postgresql.ARRAY(sa.DateTime(timezone=True)), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("address_hmac"),
    )
    op.create_index("asking_addresses_age", "asking_addresses", ["touched_at"], unique=False)
    op.create_table(
        "code_refusals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("rule", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("code_refusals_age", "code_refusals", ["refused_at"], unique=False)
    op.create_index("code_refusals_of_a_phone", "code_refusals", ["phone_hmac", "refused_at"], unique=False)
    op.create_table(
        "codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("sends", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("codes_age", "codes", ["created_at"], unique=False)
    op.create_table(
        "permits",
        sa.Column("rule", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("rule", "scope", "number"),
    )
    op.create_index("permits_free", "permits", ["rule", "scope", "used_at"], unique=False)
    op.create_table(
        "phone_acts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("act", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("done_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("phone_acts_of_a_phone", "phone_acts", ["phone_hmac", "done_at"], unique=False)
    op.create_table(
        "prefixes",
        sa.Column("prefix", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sent", postgresql.ARRAY(sa.DateTime(timezone=True)), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "verified", postgresql.ARRAY(sa.DateTime(timezone=True)), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("touched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("prefix"),
    )
    op.create_index("prefixes_age", "prefixes", ["touched_at"], unique=False)
    op.add_column(
        "phones",
        sa.Column("sent", postgresql.ARRAY(sa.DateTime(timezone=True)), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "phones",
        sa.Column(
            "tried", postgresql.ARRAY(sa.DateTime(timezone=True)), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.add_column("phones", sa.Column("released_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index("phones_age", "phones", ["seen_at"], unique=False)
    op.execute(DAYS)


def downgrade() -> None:
    op.drop_index("phones_age", table_name="phones")
    op.drop_column("phones", "released_until")
    op.drop_column("phones", "tried")
    op.drop_column("phones", "sent")
    op.drop_index("prefixes_age", table_name="prefixes")
    op.drop_table("prefixes")
    op.drop_index("phone_acts_of_a_phone", table_name="phone_acts")
    op.drop_table("phone_acts")
    op.drop_index("permits_free", table_name="permits")
    op.drop_table("permits")
    op.drop_index("codes_age", table_name="codes")
    op.drop_table("codes")
    op.drop_index("code_refusals_of_a_phone", table_name="code_refusals")
    op.drop_index("code_refusals_age", table_name="code_refusals")
    op.drop_table("code_refusals")
    op.drop_index("asking_addresses_age", table_name="asking_addresses")
    op.drop_table("asking_addresses")
