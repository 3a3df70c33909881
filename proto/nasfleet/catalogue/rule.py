"""Rules between fields as the Kubernetes API server checks them, in CEL; each stands beside the Python that says the same."""

import json
import re
from dataclasses import dataclass

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What has to hold between the fields of a block.

    Attributes:
        holds: expression in CEL over `self`, the block with its defaults filled in; true if all is right.
        message: what is wrong and what to write instead; `{expression}` stands for a value.
        path: the field at fault, below the block.
    """

    holds: str
    message: str
    path: str = ""

    def validation(self) -> dict[str, str]:
        """Return the rule as an entry of `x-kubernetes-validations`."""
        parts = _PLACEHOLDER.split(self.message)
        validation = {"rule": self.holds}
        if len(parts) == 1:
            validation["message"] = self.message
        else:
            validation["messageExpression"] = " + ".join(map(_text, range(len(parts)), parts))
        return validation | ({"fieldPath": f".{self.path}"} if self.path else {})


def _text(position: int, part: str) -> str:
    return f"string({part})" if position % 2 else json.dumps(part, ensure_ascii=False)
