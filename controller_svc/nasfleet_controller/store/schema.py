"""The tables: a row per search, prior, trial, attempt, epoch, policy update and pool. Times are Unix seconds.

What lists and filters read of a trial stands in its own row, so that a page of trials is one query.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

HEAD = "v0005"
"""The schema version that this program reads and writes: the last one of `migrations/versions`."""

# INTEGER makes a SQLite key the row's own number; elsewhere it has 32 bits, too few for fences.
_Number = BigInteger().with_variant(Integer, "sqlite")


class _Text(TypeDecorator[str]):
    """Text as others say it. PostgreSQL holds no NUL: one that comes in a traceback becomes U+FFFD, everywhere alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002 - the same for both
        """Return what is stored, or compared with what is."""
        return None if value is None else value.replace("\0", "\ufffd")


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

searches = Table(
    "searches",
    metadata,
    Column("search_id", _Number, primary_key=True, autoincrement=False),
    Column("namespace", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("uid", _Text, nullable=False),
    Column("spec", LargeBinary, nullable=False),  # nasfleet.v1.SearchSpec
    Column("state", Integer, nullable=False),
    Column("message", _Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("moved_at", Double, nullable=False),
    Column("running_seconds", Double, nullable=False),
    UniqueConstraint("namespace", "name"),
)

trials = Table(
    "trials",
    metadata,
    Column("search_id", _Number, ForeignKey("searches.search_id", ondelete="CASCADE"), primary_key=True),
    Column("number", _Number, primary_key=True, autoincrement=False),
    Column("batch", BigInteger, nullable=False),
    Column("policy_version", BigInteger, nullable=False),
    Column("layers", Integer),
    Column("tokens", Text, nullable=False),  # a JSON array
    Column("canonical_hash", String(16), nullable=False),
    Column("state", Integer, nullable=False),
    Column("learned", Boolean, nullable=False, server_default=false()),
    Column("proposed_at", Double, nullable=False),
    Column("attempt_count", Integer, nullable=False, server_default="0"),
    Column("fence", BigInteger),  # of the last attempt
    Column("trainer", _Text),
    Column("started_at", Double),
    Column("settle_order", BigInteger),
    Column("ended_at", Double),
    Column("reward", Double),
    Column("value", Double),
    Column("parameters", BigInteger),
    Column("multiply_adds", BigInteger),
    Column("seconds", Double),
    Column("trainer_seconds", Double),
    Column("weights_uri", _Text),
    Column("steps", BigInteger),
    Column("seed_values", Text),  # a JSON array, of a search with several seeds for each trial
    Column("failure_kind", Integer),
    Column("failure_message", _Text),
    Column("failure_traceback", _Text),
    Column("duplicate", Boolean, nullable=False, server_default=false()),
    Column("reused_from", BigInteger),  # number of the trial whose reward it has
    Column("stopped_early", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("search_id", "settle_order"),
    Index(None, "search_id", "reward"),
)

priors = Table(
    "priors",
    metadata,
    Column("search_id", _Number, ForeignKey("searches.search_id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("source_uid", _Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("tokens", Text, nullable=False),  # a JSON array
    Column("layers", Integer),
    Column("reward", Double, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("fence", _Number, primary_key=True, autoincrement=False),
    Column("search_id", _Number, nullable=False),
    Column("number", _Number, nullable=False),
    Column("trainer", _Text, nullable=False),
    Column("instance_id", _Text, nullable=False),
    Column("pool", _Text),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome_id", _Text),
    Column("late_outcome_id", _Text),
    Column("trainer_seconds", Double),
    Column("failure_kind", Integer),
    Column("failure_message", _Text),
    Column("failure_traceback", _Text),
    ForeignKeyConstraint(["search_id", "number"], ["trials.search_id", "trials.number"], ondelete="CASCADE"),
    Index(None, "search_id", "number"),
)

epochs = Table(
    "epochs",
    metadata,
    Column("fence", _Number, ForeignKey("attempts.fence", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("value", Double, nullable=False),
    Column("loss", Double),
    Column("seconds", Double, nullable=False),
    sqlite_with_rowid=False,
)

policy_updates = Table(
    "policy_updates",
    metadata,
    Column("search_id", _Number, ForeignKey("searches.search_id", ondelete="CASCADE"), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("consumed", Text, nullable=False),  # a JSON array of trial numbers
    Column("at", Double, nullable=False),
    Column("mean_reward", Double, nullable=False),
    Column("baseline", Double, nullable=False),
    Column("entropy", Double, nullable=False),
    Column("gradient_norm", Double, nullable=False),
    Column("staleness", Integer, nullable=False),
    Column("checkpoint", LargeBinary),  # kept for the last three and every hundredth
)

pools = Table(
    "pools",
    metadata,
    Column("namespace", String(63), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("labels", Text, nullable=False),  # a JSON object
    Column("service_account", _Text, nullable=False),
    Column("wanted_size", Integer, nullable=False),
)

# The largest fence and search id ever given, which must not come again after the search that had them is deleted.
high_marks = Table(
    "high_marks",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
