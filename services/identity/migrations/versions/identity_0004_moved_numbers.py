"""Old account numbers that moved into a cabinet, to be found by support.

Revision ID: identity_0004
Revises: identity_0003
Create Date: 2026-11-26 00:55:00.000000+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "identity_0004"
down_revision: str | None = "identity_0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "history_entries_legacy_logins",
        "history_entries",
        [sa.literal_column("(details ->> 'account_number')")],
        postgresql_where=sa.text("kind = 'legacy_login_added'"),
    )


def downgrade() -> None:
    op.drop_index("history_entries_legacy_logins", "history_entries")
