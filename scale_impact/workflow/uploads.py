"""Results that go to an address (``--out s3://bucket/x``): made in a local folder, uploaded whole as each run ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from scale_impact.errors import ScaleImpactError, SourceError, StudyError
from scale_impact.workflow.conditions import Event
from scale_impact.workflow.fingerprint import inputs_of, run_id
from scale_impact.workflow.runs import Run
from scale_impact.workflow.storage import address, is_current_there, upload


@dataclass
class Uploads:
    """Told events, uploads what is done; what could not be uploaded is in ``failed``, by run."""

    url: str
    runs: Sequence[Run]
    failed: dict[str, ScaleImpactError] = field(default_factory=dict)

    def stale(self) -> list[Run]:
        """Runs of which the results at the address are not."""
        return [run for run in self.runs if not self._is_current(run)]

    def _is_current(self, run: Run) -> bool:
        try:
            return is_current_there(address(self.url, run), run_id(inputs_of(run)))
        except (SourceError, StudyError):  # the look before its execution says everything that is wrong with it
            return False

    def __call__(self, event: Event) -> None:
        """Upload the results of a run that has just ended well."""
        if event.kind != "done":
            return
        run = next(r for r in self.runs if r.name == event.run)
        try:
            upload(run.results, address(self.url, run))
        except ScaleImpactError as error:
            self.failed[run.name] = error
