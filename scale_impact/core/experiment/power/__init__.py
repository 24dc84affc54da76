"""Before a trial: how many cities, how large, over how many periods, for an effect to be noticed.

Each trial that is considered is simulated as it will be run: dealt anew, estimated and judged by the study's own estimator and
inference. Interval ends of simulated trials without an effect say which effects would have been noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_asked(parameters: Mapping[str, Any]) -> bool:
    """Whether a study of a planned measure asks about trials (its template declares ``clusters``) and not about single pilots."""
    return "clusters" in parameters
