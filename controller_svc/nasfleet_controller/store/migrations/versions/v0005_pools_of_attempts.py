"""The pool of the trainer that an attempt was leased to, so that what a lost pod holds is known after a restart too."""

import sqlalchemy as sa
from alembic import op

revision = "v0005"
down_revision = "v0004"


def upgrade() -> None:
    """Add the column; of attempts from before no pool is known."""
    op.add_column("attempts", sa.Column("pool", sa.Text(), nullable=True))
