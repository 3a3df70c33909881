"""What the tokens of a space without a network of its own choose: a value for each decision, by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nasfleet.spaces.decision import Value


@dataclass(frozen=True, slots=True, eq=False)
class Assignment(Mapping[str, Value]):
    """A value for each decision, in the order of the decisions: an option's value, a node's number, or chosen numbers."""

    entries: tuple[tuple[str, Value], ...]

    def __getitem__(self, name: str) -> Value:
        for key, value in self.entries:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __hash__(self) -> int:
        return hash(frozenset(self.entries))
