"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create them."""
    _create_searches()
    _create_trials()
    _create_attempts()
    _create_epochs()
    _create_policy_updates()
    _create_high_marks()


def _create_searches() -> None:
    op.create_table(
        "searches",
        sa.Column("search_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("namespace", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("moved_at", sa.Double(), nullable=False),
        sa.Column("running_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("search_id", name="pk_searches"),
        sa.UniqueConstraint("namespace", "name", name="uq_searches_namespace_name"),
    )


def _create_trials() -> None:
    op.create_table(
        "trials",
        sa.Column("search_id", _NUMBER, nullable=False),
        sa.Column("number", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("layers", sa.Integer(), nullable=True),
        sa.Column("tokens", sa.Text(), nullable=False),
        sa.Column("canonical_hash", sa.String(length=16), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("learned", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("proposed_at", sa.Double(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("trainer", sa.Text(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("settle_order", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("reward", sa.Double(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("parameters", sa.BigInteger(), nullable=True),
        sa.Column("multiply_adds", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("trainer_seconds", sa.Double(), nullable=True),
        sa.Column("weights_uri", sa.Text(), nullable=True),
        sa.Column("failure_kind", sa.Integer(), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("failure_traceback", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["search_id"], ["searches.search_id"], name="fk_trials_searches", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("search_id", "number", name="pk_trials"),
        sa.UniqueConstraint("search_id", "settle_order", name="uq_trials_search_id_settle_order"),
    )
    op.create_index("ix_trials_search_id_reward", "trials", ["search_id", "reward"], unique=False)


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("fence", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("search_id", _NUMBER, nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("trainer", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("outcome_id", sa.Text(), nullable=True),
        sa.Column("late_outcome_id", sa.Text(), nullable=True),
        sa.Column("trainer_seconds", sa.Double(), nullable=True),
        sa.Column("failure_kind", sa.Integer(), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("failure_traceback", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["search_id", "number"], ["trials.search_id", "trials.number"], name="fk_attempts_trials", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("fence", name="pk_attempts"),
    )
    op.create_index("ix_attempts_search_id_number", "attempts", ["search_id", "number"], unique=False)


def _create_epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("fence", _NUMBER, nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["fence"], ["attempts.fence"], name="fk_epochs_attempts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("fence", "epoch", name="pk_epochs"),
        sqlite_with_rowid=False,
    )


def _create_policy_updates() -> None:
    op.create_table(
        "policy_updates",
        sa.Column("search_id", _NUMBER, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("consumed", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("mean_reward", sa.Double(), nullable=False),
        sa.Column("baseline", sa.Double(), nullable=False),
        sa.Column("entropy", sa.Double(), nullable=False),
        sa.Column("gradient_norm", sa.Double(), nullable=False),
        sa.Column("staleness", sa.Integer(), nullable=False),
        sa.Column("checkpoint", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["search_id"], ["searches.search_id"], name="fk_policy_updates_searches", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("search_id", "version", name="pk_policy_updates"),
    )


def _create_high_marks() -> None:
    op.create_table(
        "high_marks",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_high_marks"),
    )
