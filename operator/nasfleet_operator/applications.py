"""What was applied, how often: what others alter each time is applied ever more rarely, and told of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nasfleet_operator.plan import ApplyObject

REPAIRS = 3
"""Alterations of one object that are put right at once, as those of a person are; from then on somebody insists."""

LONGEST_HOLD_SECONDS = 300.0
FORGET_SECONDS = 600.0
"""After that long without an alteration the next one is the first again; longer than the longest hold."""


@dataclass(frozen=True, slots=True)
class Application:
    """A manifest as it was applied last.

    Attributes:
        manifest: what was applied.
        because: the field that others had altered, on which account it was applied; empty if it was new.
        repairs: how often in a row it was applied on such an account.
        at: when, in Unix seconds.
    """

    manifest: Mapping[str, Any]
    because: str
    repairs: int
    at: float

    def contested(self, manifest: Mapping[str, Any]) -> bool:
        """Return whether somebody alters again and again what this manifest says."""
        return self.repairs > REPAIRS and self.manifest == manifest

    def held(self, manifest: Mapping[str, Any], now: float) -> float:
        """Return for how many seconds a manifest is not to be applied again: twice as long after each alteration."""
        if not self.contested(manifest):
            return 0.0
        return max(0.0, self.at + min(2.0 ** min(self.repairs, 16), LONGEST_HOLD_SECONDS) - now)


def applied(before: Application | None, effect: ApplyObject, now: float) -> Application:
    """Return what is known of an object once it was applied anew."""
    same = before is not None and before.manifest == effect.manifest and now < before.at + FORGET_SECONDS
    in_a_row = before.repairs if before is not None and same else 0
    return Application(effect.manifest, effect.because, in_a_row + 1 if effect.because else 0, now)
