"""Influence of estimates that are made from rows, as other estimators give theirs: by unit, or by observation."""

from __future__ import annotations

import numpy as np

from scale_impact.core.causal.cross_section import CrossSection, Floats
from scale_impact.core.design import Design
from scale_impact.core.influence import Influence
from scale_impact.core.panel import Panel


def row_influence(panel: Panel, design: Design, rows: CrossSection, values: Floats) -> Influence:
    """What each unit adds to the error of one estimate.

    Parameters
    ----------
    panel, design:
        What the rows were taken from.
    rows, values:
        The rows, and what each adds, [n]: their sum over clusters, squared and summed, is the variance.

    Returns
    -------
    Influence of one estimate, so that ``agreement`` can compare it with any other.
    """

    def made() -> Floats:
        by_row = panel.followed and design.exposed is None and design.cross_sections
        at, size = (rows.observations, panel.n_obs) if by_row else (rows.units, panel.n_units)
        return np.bincount(at, values, minlength=size)[:, None].astype(np.float64)

    return Influence(panel, design, made=made)
