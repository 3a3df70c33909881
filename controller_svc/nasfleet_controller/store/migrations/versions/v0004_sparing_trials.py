"""Trials that are duplicates, have the reward of another one or were stopped early; and what a search began with."""

import sqlalchemy as sa
from alembic import op

revision = "v0004"
down_revision = "v0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and the table; no trial from before is known as a duplicate, or was stopped early."""
    op.add_column("trials", sa.Column("duplicate", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("trials", sa.Column("reused_from", sa.BigInteger(), nullable=True))
    op.add_column("trials", sa.Column("stopped_early", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "priors",
        sa.Column("search_id", _NUMBER, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source_uid", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=False),
        sa.Column("layers", sa.Integer(), nullable=True),
        sa.Column("reward", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["search_id"], ["searches.search_id"], name="fk_priors_searches", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("search_id", "position", name="pk_priors"),
    )
