"""Influence of estimates that are made from rows, as other estimators give theirs: by unit, or by observation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.cross_section import CrossSection, Floats
from scale_impact.core.design import Design
from scale_impact.core.influence import Influence
from scale_impact.core.panel import Panel

LARGE = 0.1
"""Clusters with a smaller share of what a slope rests on are not asked about."""

UNSEEN = 1e-10
"""What residuals can show of a cluster, as a share of what it counts, under which they show nothing."""


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


def unseen(load: Floats, clusters: NDArray[np.int64], columns: Floats) -> int | None:
    """A row of a cluster on which a slope rests and whose own variation cannot be seen; None: there is none.

    The only treated unit is fitted exactly: what it adds to the error is 0, whatever it did. So it is of any cluster whose share in the
    slope is a combination of the regression's columns, with which residuals have nothing in common.

    Parameters
    ----------
    load:
        [n], what each row counts in the slope.
    clusters:
        [n].
    columns:
        [n, K] of the regression, as many as its rank.
    """
    codes = np.unique(clusters, return_inverse=True)[1]
    share = np.bincount(codes, load**2) / float(load @ load)
    basis = np.linalg.qr(columns / np.linalg.norm(columns, axis=0))[0]
    for k in np.flatnonzero(share > LARGE):
        own = np.where(codes == k, load, 0.0)
        rest = own - basis @ (basis.T @ own)
        if rest @ rest <= UNSEEN * (own @ own):
            return int(np.flatnonzero(codes == k)[0])
    return None
