"""Treatment supposed where there was none: the same comparison on other units, other dates, fewer periods.

A placebo keeps everything of a design but who is treated from when. It rests on observations that
no treatment has touched, so what it finds is what the comparison finds where nothing happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.panel import Panel

NEVER = np.inf
"""Start of a unit that is never treated; any negative start leaves a unit out."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some units of a panel over some periods.

    Attributes
    ----------
    panel:
        The panel of the observations kept.
    units:
        Position in the whole panel of each of its units.
    periods:
        Position in the whole panel of each of its periods.
    """

    panel: Panel
    units: NDArray[np.int64]
    periods: NDArray[np.int64]

    def positions(self, starts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Starts on the whole panel's periods as starts on these (the first period not before)."""
        found = np.searchsorted(self.periods, starts).astype(float)
        found[found >= len(self.periods)] = NEVER
        return np.where(starts < 0, starts, found)


def part(panel: Panel, units: NDArray[np.bool_], until: int | None = None) -> Part:
    """The panel of some units (N values), before position ``until`` where it is given."""
    owner, when = panel.unit_codes, panel.period_codes
    kept = units[owner] & (when < (panel.n_periods if until is None else until))
    return Part(panel.part(kept), np.unique(owner[kept]), np.unique(when[kept]))


def unit_starts(design: Design) -> NDArray[np.float64]:
    """Position of each unit's first treated period; inf for the never treated, -1 for those left out."""
    positions = np.where(design.starts >= design.n_periods, NEVER, design.starts.astype(float))
    return np.asarray(np.where(design.cohort_codes < 0, -1.0, positions[design.cohort_codes]))


def suppose(design: Design, some: Part, starts: NDArray[np.float64], **changes: Any) -> Design:
    """The design on a part of its panel, as if its units had started treatment at other positions.

    Parameters
    ----------
    design:
        The design of the whole panel.
    some:
        The part.
    starts:
        Position in the part's periods of each of its units' first treated period (length of
        ``some.units``); ``inf`` never, negative left out.
    changes:
        Other fields of the design to change, such as ``anticipation``.
    """
    n = some.panel.n_periods
    where = np.where(starts >= n, n, starts)
    positions = np.unique(where[where >= 0]).astype(np.int64)
    codes = np.where(where >= 0, np.searchsorted(positions, where), -1)
    labels = tuple(some.panel.periods[p] if p < n else np.inf for p in positions)
    clusters = None if design.cluster_codes is None else design.cluster_codes[some.units]
    return replace(
        design, first_treated=labels, starts=positions, cohort_codes=codes.astype(np.int64), cluster_codes=clusters,
        notes=(), _panel=some.panel, reversals=None, treatment=None, leaving=None, begin=None,
        **changes,
    )  # fmt: skip
