"""Rules between fields as the Kubernetes API server checks them, in CEL; each stands beside the Python that says the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What has to hold between the fields of a block.

    Attributes:
        holds: expression in CEL over `self`, the block with its defaults filled in; true if all is right.
        message: what is wrong and what to write instead. It names no values: the API server bounds what a message that is
            computed may cost, and takes texts made of numbers for endless.
        path: the field at fault, below the block.
    """

    holds: str
    message: str
    path: str = ""

    def validation(self) -> dict[str, str]:
        """Return the rule as an entry of `x-kubernetes-validations`."""
        return {"rule": self.holds, "message": self.message} | ({"fieldPath": f".{self.path}"} if self.path else {})
