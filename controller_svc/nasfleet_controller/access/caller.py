"""Whoever makes a call, as Kubernetes knows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_SERVICE_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Caller:
    """A user or a service account.

    Attributes:
        user: the name; of a service account system:serviceaccount:NAMESPACE:NAME.
        uid: what tells two of one name apart.
        groups: that it is in.
        extra: what else is known, as a SubjectAccessReview wants it.
        pod: the pod that its token is bound to; empty for none.
        until: when its token ends, in Unix seconds.
    """

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    pod: str = ""
    until: float = float("inf")

    @property
    def service_account(self) -> tuple[str, str] | None:
        """Return namespace and name, if it is a service account."""
        namespace, colon, name = self.user.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return (namespace, name) if colon and self.user.startswith(_SERVICE_ACCOUNT) else None
