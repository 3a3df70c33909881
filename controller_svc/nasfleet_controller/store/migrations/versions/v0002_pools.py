"""Pools, as the operator declares them."""

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """Create the table of pools."""
    op.create_table(
        "pools",
        sa.Column("namespace", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("service_account", sa.Text(), nullable=False),
        sa.Column("wanted_size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "name", name="pk_pools"),
    )
