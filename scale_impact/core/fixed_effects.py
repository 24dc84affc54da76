"""What regressions with fixed effects share: small-sample corrections, independent regressors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import Cohorts, Floats


@dataclass(frozen=True)
class SmallSample:
    """Small-sample correction in the words of fixest's ``ssc`` (Berge 2018).

    ``K_adj``: multiply by (n - 1) / (n - K). ``K_fixef``: which fixed effects count in K:
    ``nonnested`` (those not nested in the clusters), ``full`` or ``none``. ``G_adj``: multiply
    by G / (G - 1), G the number of clusters.
    """

    K_adj: bool = True
    K_fixef: str = "nonnested"
    G_adj: bool = True

    def factor(self, n_obs: int, n_regressors: int, n_units: int, n_periods: int, n_clusters: int) -> float:
        """Factor on the variance; NaN where nothing is left to estimate it from."""
        counted = {"nonnested": n_periods, "full": n_units + n_periods - 1, "none": 0}
        return self.scale(n_obs, n_regressors + counted[self.K_fixef], n_clusters)

    def scale(self, n_obs: int, k: int, n_clusters: int) -> float:
        """Factor on the variance where ``k`` coefficients, effects included, count."""
        if (self.K_adj and n_obs <= k) or (self.G_adj and n_clusters < 2):
            return float("nan")
        factor = (n_obs - 1) / (n_obs - k) if self.K_adj else 1.0
        return factor * n_clusters / (n_clusters - 1) if self.G_adj else factor

    def words(self) -> str:
        """The correction as it stands in results."""
        parts = [f"K.fixef={self.K_fixef}" if self.K_adj else "K.adj=FALSE"]
        return ", ".join([*parts, *([] if self.G_adj else ["G.adj=FALSE"])])


def independent_rows(flat: Floats, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of rows that are not combinations of those before them in ``order``."""
    if _full_rank(flat):
        return np.arange(len(flat))
    kept: list[int] = []
    basis = np.zeros((0, flat.shape[1]))
    for p in order:
        rest = flat[p] - basis.T @ (basis @ flat[p])
        rest = rest - basis.T @ (basis @ rest)
        size, left = float(np.linalg.norm(flat[p])), float(np.linalg.norm(rest))
        if left > 1e-8 * max(size, 1e-300):
            basis = np.vstack([basis, rest / left])
            kept.append(int(p))
    return np.array(sorted(kept), dtype=np.int64)


def _full_rank(rows: Floats) -> bool:
    """Whether rows are clearly independent, from the eigenvalues of their correlations."""
    size = np.linalg.norm(rows, axis=1)
    if not (size > 0).all():
        return False
    unit = rows / size[:, None]
    return bool(np.linalg.eigvalsh(unit @ unit.T)[0] > 1e-9)


def treated_cells(moments: Cohorts) -> NDArray[np.bool_]:
    """Which cohort x period cells are treated, [G, T]."""
    return np.arange(moments.n_periods) >= moments.starts[:, None]
