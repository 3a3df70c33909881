"""Trials of networks that had been proposed before, whose reward they have, and trials that were stopped early."""

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"


def upgrade() -> None:
    """Add the columns; no trial from before is known as a duplicate, or was stopped early."""
    op.add_column("trials", sa.Column("duplicate", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("trials", sa.Column("reused_from", sa.BigInteger(), nullable=True))
    op.add_column("trials", sa.Column("stopped_early", sa.Boolean(), server_default=sa.false(), nullable=False))
