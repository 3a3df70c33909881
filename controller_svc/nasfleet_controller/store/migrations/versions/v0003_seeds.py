"""What each seed of a trial gave, and how many steps its training took."""

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"


def upgrade() -> None:
    """Add the columns to the trials."""
    op.add_column("trials", sa.Column("steps", sa.BigInteger()))
    op.add_column("trials", sa.Column("seed_values", sa.Text()))
