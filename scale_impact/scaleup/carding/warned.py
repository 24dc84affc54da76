"""What a reader of a card has to know before all else."""

from __future__ import annotations

from collections.abc import Sequence

from scale_impact.core.words import some
from scale_impact.scaleup.carding.facts import clipped

MOST_NAMES = 3


def warned(*, simulated: bool, failed: Sequence[str] = ()) -> tuple[str, ...]:
    """That data below the decision are simulated, and which of its studies failed since; by name, as they are called."""
    told = ["The data are simulated. Nothing on this page is true of a real city."] if simulated else []
    if failed:
        names = some([clipped(name, 40) for name in failed], MOST_NAMES)
        told.append(f"A later run of {names} failed. The numbers are those of the run before.")
    return tuple(told)
