"""guesses counted in one row per login, device and address; how many people have which kind of old hash"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "identity_0003"
down_revision: str | None = "identity_0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "guess_counters",
        sa.Column("subject_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("device_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("guessed_at", postgresql.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_hmac", "device_hmac"),
    )
    op.create_table(
        "old_hash_kinds",
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("moved", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind"),
    )
    op.execute("INSERT INTO old_hash_kinds SELECT hash_kind, count(*), 0 FROM legacy_users GROUP BY hash_kind")


def downgrade() -> None:
    op.drop_table("old_hash_kinds")
    op.drop_table("guess_counters")
