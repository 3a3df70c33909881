"""Labels as Kubernetes restricts them, checked where documents are read.

Not in the values themselves: trainers outside of Kubernetes may have any labels, and a search that was declared by one of those
before goes on.
"""

import re
from collections.abc import Iterator, Mapping

from nasfleet.catalogue.kubernetes_names import (
    LABEL_VALUE,
    LABEL_VALUE_HINT,
    LONGEST_LABEL_VALUE,
    QUALIFIED,
    QUALIFIED_HINT,
    QUALIFIED_LENGTHS,
)
from nasfleet.catalogue.problems import Problem, shown

KEY_FIX = f"give each key as {QUALIFIED_HINT}"
VALUE_FIX = f"give text of at most {LONGEST_LABEL_VALUE} characters, {LABEL_VALUE_HINT}"
VALUE = f"({LABEL_VALUE})?"


def label_problems(name: str, labels: Mapping[str, str]) -> Iterator[Problem]:
    """Yield each key and each value in the field of that name that no label in Kubernetes can have."""
    for key, value in labels.items():
        if not all(re.fullmatch(pattern, key) for pattern in (QUALIFIED_LENGTHS, QUALIFIED)):
            yield Problem((name,), f"has the key {shown(key)}", KEY_FIX)
        if len(value) > LONGEST_LABEL_VALUE or not re.fullmatch(VALUE, value):
            yield Problem((name, key), f"is {shown(value)}", VALUE_FIX)
