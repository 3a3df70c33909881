"""The trainer program, which besides notes every acknowledgement in the file RECORD: fence, status and value, a line each.

An outcome is acknowledged once its trainer has read that it is; what is noted here is what trainers rely on.
"""

import os
import sys
from pathlib import Path

from nasfleet.v1.fleet_pb2 import WorkResponse
from nasfleet_trainer import agent
from nasfleet_trainer.__main__ import main
from nasfleet_trainer.leases import Action, Leases

RECORD = "NASFLEET_TESTING_RECORD"
MODULE = "nasfleet_testing.recording_trainer"


class RecordingLeases(Leases):
    """Leases that note what was acknowledged before they forget it."""

    def hear(self, response: WorkResponse, now: float) -> list[Action]:
        for acknowledgement in response.acknowledgements:
            outcome = self._outcomes.get(acknowledgement.outcome_id)
            if outcome is not None:
                _record.write(f"{outcome.fence} {acknowledgement.status} {outcome.measurement.value!r}\n")
        return super().hear(response, now)


if __name__ == "__main__":
    with Path(os.environ[RECORD]).open("a", buffering=1) as _record:
        agent.Leases = RecordingLeases  # type: ignore[attr-defined]  # the agent makes its leases itself
        sys.exit(main())
