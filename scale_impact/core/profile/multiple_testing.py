"""Many outcomes, one measure: which findings stay when all of them are counted.

Of twenty outcomes that a measure leaves alone, one has a p-value below 0.05 by chance. Two answers: p-values
that keep the probability of *any* false finding (Romano and Wolf's stepdown, which knows how outcomes move together, so that
ten versions of one outcome cost little more than one), and q-values that keep the *share* of false ones among the findings
(Benjamini and Hochberg).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.bands import MANY_CLUSTERS, Draws, multiplied
from scale_impact.core.influence import Influence
from scale_impact.core.panel import Panel
from scale_impact.errors import UsageError

Floats = NDArray[np.float64]

HALF = 0.5

TIES = 1e-9
"""P-values that differ by a smaller share are equal."""

MOST_PATTERNS = 22
"""Clusters of which all sign patterns could be counted; with more the draws asked for are always fewer."""


@dataclass(frozen=True)
class Adjusted:
    """What is left of one p-value of a family.

    Attributes
    ----------
    p_value:
        By itself.
    stepdown:
        Adjusted for the whole family: below alpha, the probability of any false finding is alpha at most.
    q_value:
        Benjamini and Hochberg's: the share of false findings among all with no larger q.
    sharpened:
        The two-stage q-value of Benjamini, Krieger and Yekutieli; it may be smaller than the p-value where most are findings.
    """

    p_value: float
    stepdown: float
    q_value: float
    sharpened: float


# ---- the share of false findings -------------------------------------------------------------------------


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Q-values, [K]: the smallest share of false findings at which each would be one.

    Source: Benjamini and Hochberg (1995). Valid where p-values are independent or positively dependent.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _put_back(np.minimum.accumulate(steps[::-1])[::-1], order)


def sharpened(p_values: Floats) -> Floats:
    """Two-stage q-values, [K]: as Benjamini and Hochberg's, with the number of true nulls estimated in a first stage.

    At level q the first stage counts findings r at q' = q / (1 + q), the second is at q' K / (K - r). A first-stage
    q-value a_i is then a finding from the smallest q' on that has r findings and a_i <= q' K / (K - r); so that no grid of
    levels is needed.

    Source: Benjamini, Krieger and Yekutieli (2006), the two-stage linear step-up procedure; Anderson (2008) on q-values from it.
    """
    first = benjamini_hochberg(p_values)
    k = len(first)
    reached = np.concatenate([[0.0], np.sort(first)])  # from here on at least 0, 1, ..., K findings
    left = (k - np.arange(k + 1)) / k
    level = np.maximum(first[:, None] * left, reached).min(axis=1)
    return np.asarray(np.where(level < 0.5, level / (1 - np.minimum(level, 0.5)), 1.0))


# ---- any false finding -------------------------------------------------------------------------------------


def holm(p_values: Floats) -> Floats:
    """Adjusted p-values, [K], whatever the dependence. Source: Holm (1979)."""
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    return _put_back(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), order)


def romano_wolf(p_values: Floats, null: Floats, smallest: float = 0.0) -> Floats:
    """Stepdown p-values, [K].

    Parameters
    ----------
    p_values:
        Of the data, [K].
    null:
        P-values of draws in which nothing has an effect, [B, K], drawn together; for normal statistics comparing these is
        comparing the largest absolute statistics.
    smallest:
        The smallest p-value that draws can have: a p-value of the data below it counts as this.

    Returns
    -------
    Share of draws, the data counted as one, whose smallest p-value among this and all less significant outcomes is as
    small; never below the p-value itself, nor below that of a more significant outcome, and never above Holm's, which
    holds whatever the dependence: what lies above is the coarseness of a limited number of draws.

    Source: Romano and Wolf (2005), the studentised stepdown; (2016) on adjusted p-values from it.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    least = np.minimum.accumulate(null[:, order[::-1]], axis=1)[:, ::-1]  # among the outcomes not yet passed
    seen = np.maximum(p[order], smallest) * (1 + TIES)
    steps = (1 + (least <= seen).sum(axis=0)) / (1 + len(null))
    return np.minimum(_put_back(np.maximum.accumulate(np.maximum(steps, p[order])), order), holm(p))


# ---- how outcomes move together ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Joint:
    """Errors of K estimates drawn together where nothing has an effect.

    Attributes
    ----------
    rows:
        What each cluster adds to the error of each estimate, [C, K].
    draws:
        How many, and the seed.
    """

    rows: Floats
    draws: Draws

    @cached_property
    def every(self) -> bool:
        """Whether all sign patterns are counted, because there are no more than the draws asked for."""
        n = len(self.rows)
        return n < MANY_CLUSTERS and n <= MOST_PATTERNS and 2 ** (n - 1) <= self.draws.count

    @property
    def normal(self) -> bool:
        """Whether errors are drawn from their normal distribution."""
        return len(self.rows) >= MANY_CLUSTERS

    @property
    def smallest(self) -> float:
        """The smallest p-value that a draw can have."""
        return 0.0 if self.normal else HALF / len(self.null)

    @property
    def words(self) -> str:
        """How errors were drawn."""
        n = f"{len(self.rows):,} clusters"
        if self.normal:
            return f"{self.draws.count:,} draws from the joint normal distribution of {n}, seed {self.draws.seed}"
        if self.every:
            return f"all {len(self.null):,} sign patterns of {n}"
        return f"{self.draws.count:,} Rademacher draws on {n}, seed {self.draws.seed}"

    @cached_property
    def null(self) -> Floats:
        """P-values of the draws, [B, K], each among the draws of its own estimate (normal: by the distribution itself)."""
        unit = self.rows / np.sqrt((self.rows**2).sum(axis=0))
        if self.normal:
            from scipy import special

            return np.asarray(2 * special.ndtr(-np.abs(_normal(unit.T @ unit, self.draws))))
        sums = _patterns(len(unit)) @ unit if self.every else multiplied(unit, self.draws, "rademacher")
        return _ranked(np.abs(sums))


def _normal(correlation: Floats, draws: Draws) -> Floats:
    """Draws from a normal distribution, [B, K], also where outcomes are copies of each other."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.random.default_rng(draws.seed).standard_normal((draws.count, len(correlation))) @ root.T)


def _patterns(n: int) -> Floats:
    """All sign patterns of n clusters, the first one's sign fixed (the others are mirror images), [2^(n - 1), n]."""
    bits = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
    return np.where(bits, -1.0, 1.0)


def _ranked(sizes: Floats) -> Floats:
    """Share of draws that are at least as large, less half of one, column by column, [B, K].

    Without the half a p-value of 0.0049 would be met by four draws of 999 in place of 4.9.
    """
    found = np.empty_like(sizes)
    for k, column in enumerate(sizes.T):
        ordered = np.sort(column)
        found[:, k] = len(column) - np.searchsorted(ordered, column * (1 - TIES), side="left")
    return (found - HALF) / len(sizes)


def joint_of(influences: Sequence[Influence | None], draws: Draws) -> Joint | str:
    """How estimates, each with a panel of its own, vary together; why that is not known.

    What their units add is summed over the same clusters (units, where the design names none), found by name, so that
    outcomes may rest on different units.
    """
    known = [i for i in influences if i is not None]
    if len(known) < len(influences):
        return "the estimator does not say what each unit adds to its error"
    if any(i.panel.streamed for i in known):
        return "the data were streamed, so that no single units are known"
    columns = [_by_cluster(i) for i in known]
    rows = pd.concat(columns, axis=1).fillna(0.0).to_numpy(dtype=float)
    rows = rows[(rows != 0).any(axis=1)]  # units that are treated from the start, or in no comparison
    if len(rows) < 2 or not (rows**2).sum(axis=0).all():
        return "what units add to an estimate's error shows no variation"
    return Joint(rows, draws)


def _by_cluster(influence: Influence) -> pd.Series[Any]:
    """What each cluster adds to the error of one estimate, by the cluster's name."""
    panel, design = influence.panel, influence.design
    values = influence.values[:, 0]
    codes = design.cohort_codes
    names = _cluster_names(influence)
    if len(values) != len(codes):  # observation by observation, of units that are followed
        codes, names = codes[panel.unit_codes], names[panel.unit_codes]
    kept = codes >= 0
    return pd.Series(values[kept]).groupby(names[kept]).sum()


def _cluster_names(influence: Influence) -> NDArray[Any]:
    """Name of each unit's (observation's) cluster."""
    panel, cluster = influence.panel, influence.design.cluster
    if cluster is not None and cluster != panel.unit:
        return panel.unit_column(cluster)
    return panel.units if panel.followed else row_labels(panel)


def row_labels(panel: Panel) -> NDArray[Any]:
    """Labels of the data's rows, one for each observation of a panel in its order."""
    labels: NDArray[Any] = replace(panel, frame=panel.frame.index.to_frame(name="row")).column("row")
    return labels


# ---- both together ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Testing:
    """What multiple testing says of a family: one entry an estimate (None: it has no p-value), and how it was found."""

    adjusted: tuple[Adjusted | None, ...]
    words: str

    @property
    def count(self) -> int:
        """How many p-values the family has."""
        return sum(a is not None for a in self.adjusted)


def adjust(p_values: Sequence[float | None], influences: Sequence[Influence | None], draws: Draws) -> Testing:
    """Stepdown p-values and q-values of a family of estimates.

    Parameters
    ----------
    p_values:
        Of each estimate, by whatever inference is right for it; None where it has none.
    influences:
        What units add to the error of each estimate, from which their dependence follows; where it is not known, Holm's
        method, which needs none, stands in for Romano and Wolf's.
    draws:
        How many, and the seed.
    """
    known = [k for k, p in enumerate(p_values) if p is not None]
    if not known:
        return Testing(tuple(None for _ in p_values), "no p-value to adjust")
    p = np.array([p_values[k] for k in known], dtype=float)
    stepdown, words = _stepdown(p, [influences[k] for k in known], draws)
    numbers = zip(p, stepdown, benjamini_hochberg(p), sharpened(p), strict=True)
    found = dict(zip(known, (Adjusted(*map(float, n)) for n in numbers), strict=True))
    return Testing(tuple(found.get(k) for k in range(len(p_values))), words)


def _stepdown(p: Floats, influences: Sequence[Influence | None], draws: Draws) -> tuple[Floats, str]:
    if len(p) == 1:
        return p, "one p-value: nothing to adjust"
    joint = joint_of(influences, draws)
    if isinstance(joint, str):
        return holm(p), f"Holm's stepdown, because {joint}"
    return romano_wolf(p, joint.null, joint.smallest), f"Romano and Wolf's stepdown, {joint.words}"


def _put_back(values: Floats, order: NDArray[np.int64]) -> Floats:
    """Values of sorted p-values in the order in which these came, at most 1."""
    found = np.empty_like(values)
    found[order] = np.minimum(values, 1.0)
    return found


def _checked(p_values: Floats) -> Floats:
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise UsageError(f"p-values have to be a list of numbers between 0 and 1; these are {p_values!r}.")
    return p
