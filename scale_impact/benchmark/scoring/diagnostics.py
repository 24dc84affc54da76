"""What the numbers say about the recipe: which indicator decides how much, and which count the same thing twice.

Source: Becker et al. (2022), COINr (``get_eff_weights``, ``get_cronbach``, ``get_corr``); Cronbach (1951); Paruolo,
Saisana and Saltelli (2013), Ratings and rankings: voodoo or science?, JRSS A 176 (correlation ratios, of which the
squared correlation is the linear one).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.benchmark.scoring.quantities import constant
from scale_impact.benchmark.scoring.tree import Tree, members

if TYPE_CHECKING:
    import pandas as pd

TWICE = 0.92
"""Correlation in size from which two indicators are flagged as one thing counted twice."""

AGAINST = -0.4
"""Correlation from which two indicators of a dimension are flagged as going against each other."""


def effective(weights: Floats, dimension_weights: Floats, tree: Tree) -> Floats:
    """What each indicator contributes to the index [K], in weights: they sum to 1."""
    return np.asarray(weights * dimension_weights[tree.belongs])


def cronbach(scores: Floats) -> float:
    """Cronbach's alpha of scores [N, K], of all pairs that are known; NaN for one indicator, or where their sum is the same for all.

    Source: Cronbach (1951): K / (K - 1) (1 - sum of the indicators' variances / variance of their sum).
    """
    import pandas as pd

    k = scores.shape[1]
    if k < 2:
        return np.nan
    covariance = pd.DataFrame(scores).cov().to_numpy()
    total = covariance.sum()
    return float(k / (k - 1) * (1 - np.trace(covariance) / total)) if total > 0 else np.nan


def influence(scores: Floats, index: Floats) -> Floats:
    """Squared correlation of each indicator's scores [N, K] with the index [N]: how much it decides, whatever its weight."""
    return np.array([_correlation(column, index) ** 2 for column in scores.T])


def doubles(scores: Floats, names: list[str], tree: Tree) -> pd.DataFrame:
    """Pairs of indicators that count one thing twice, or that go against each other within a dimension."""
    import pandas as pd

    found = pd.DataFrame(scores, columns=range(len(names))).corr().to_numpy()
    rows = []
    for a, b in zip(*np.triu_indices(len(names), 1), strict=True):
        r, same = found[a, b], tree.belongs[a] == tree.belongs[b]
        if abs(r) >= TWICE or (same and r <= AGAINST):
            flag = "counted twice" if r >= TWICE else "against each other"
            rows.append((names[a], names[b], float(r), bool(same), flag))
    return pd.DataFrame(rows, columns=["a", "b", "correlation", "same dimension", "flag"])


def alphas(scores: Floats, tree: Tree) -> dict[str, float]:
    """Cronbach's alpha by dimension; NaN where it has one indicator."""
    return {d: cronbach(scores[:, m]) for d, m in zip(tree.dimensions, members(tree), strict=True)}


def _correlation(a: Floats, b: Floats) -> float:
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() < 2 or constant(a[both]) or constant(b[both]):
        return 0.0
    return float(np.corrcoef(a[both], b[both])[0, 1])
