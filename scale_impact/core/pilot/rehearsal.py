"""Rehearsal: a design in which a candidate is treated in the last period before the planned start.

It stands in for the pilot where nobody is treated yet: an estimator is tried out on it, and then asked about the past. Its own
number says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scale_impact.core.panel import Panel
from scale_impact.core.settings import Settings
from scale_impact.core.words import plain
from scale_impact.errors import DesignError


def rehearsed(panel: Panel, settings: Settings, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Who is treated in the rehearsal, as ``Design.from_panel`` takes it: the first candidate that is observed throughout.

    Raises
    ------
    DesignError
        No candidate is observed in each period, or there is a single period.
    """
    chosen = {plain(c) for c in parameters.get("candidates") or ()}
    counts = panel.cell_counts()
    names = [panel.unit_name(u) for u in range(panel.n_units) if counts[u] == panel.n_periods]
    candidates = [n for n in names if not chosen or n in chosen] or names
    if not candidates or panel.n_periods < 2:
        raise DesignError(
            f"No {panel.unit} is observed in each of two or more periods before {plain(settings.treatment.planned)}, so no pilot can "
            "be planned. Complete the data, or use data that begin earlier."
        )
    return {"cohorts": as_treated(panel, candidates[:1])}


def as_treated(panel: Panel, names: Sequence[str]) -> dict[Any, Any]:
    """These units treated in the last period: cohorts, by the labels of the data."""
    return {label: panel.periods[-1] for label in panel.units if plain(label) in names}
