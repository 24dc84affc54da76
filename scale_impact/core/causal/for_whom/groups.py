"""Groups by predicted effect: how large is the effect where it was predicted to be small, and where large? And who are they?

Rows are sorted within their fold by the effect that was predicted for them, cut into groups of equal weight, and the scores are
averaged in each (GATES). Mean contexts of the first and the last group say who is meant (CLAN). What groups differ by rests
on the ranking; its variance is counted twice, see ``calibration``.

Source: Chernozhukov, Demirer, Duflo and Fernandez-Val (2018), sections 3.2 and 3.3; rearrangement: Chernozhukov,
Fernandez-Val and Galichon (2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.causal.for_whom.calibration import reuse, steps
from scale_impact.core.causal.for_whom.projection import Floats, Ints, Scored
from scale_impact.core.words import counted
from scale_impact.errors import EstimationError

LEAST = 5
"""Rows that each group needs in each fold."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Effects of J groups from the lowest to the highest predicted effect.

    Attributes
    ----------
    effects, covariance:
        [J] and [J, J], the ranking's part counted twice.
    predicted, counts:
        [J], mean prediction and rows.
    member:
        [n], group of each row.
    """

    effects: Floats
    covariance: Floats
    predicted: Floats
    counts: Ints
    member: Ints
    df: int

    @property
    def std_errors(self) -> Floats:
        """[J]."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def difference(self) -> tuple[float, float]:
        """Highest less lowest predicted, and its standard error."""
        contrast = np.zeros(len(self.effects))
        contrast[[0, -1]] = -1.0, 1.0
        return float(contrast @ self.effects), float(np.sqrt(contrast @ self.covariance @ contrast))

    @property
    def p_value(self) -> float:
        """One-sided: the effect is not larger where it is predicted to be highest."""
        from scipy import special

        value, error = self.difference
        return float(special.stdtr(self.df, -value / error))

    @property
    def rearranged(self) -> Floats:
        """[J], the effects in rising order: what they must have where the ranking is right."""
        return np.sort(self.effects)

    def detectable(self, alpha: float, power: float) -> float:
        """Difference of the last and the first group that would have been noticed."""
        return steps(alpha, power, self.df) * self.difference[1]


def grouped(rows: Scored, groups: int) -> Groups:
    """Average scores by groups of predicted effect.

    Raises
    ------
    EstimationError
        A fold is too small for so many groups, or its predictions have too many ties.
    """
    member = np.full(len(rows), -1)
    for fold in range(int(rows.folds.max()) + 1):
        at = np.flatnonzero(rows.folds == fold)
        member[at] = _cut(rows.cate[at], rows.weight[at], groups)
        counts = np.bincount(member[at], minlength=groups)
        if counts.min() < LEAST:
            raise EstimationError(_too_few(fold, len(at), groups, counts))
    dummies = (member[:, None] == np.arange(groups)).astype(float)
    total = rows.weight @ dummies
    first = rows.scores @ dummies / total
    scores = rows.mended(first[member])
    effects = scores @ dummies / total
    return Groups(
        effects=effects, covariance=_covariance(rows, scores, dummies, effects, total),
        predicted=(rows.weight * rows.cate) @ dummies / total, counts=np.bincount(member, minlength=groups),
        member=member, df=rows.n_clusters - 1,
    )  # fmt: skip


def _too_few(fold: int, n: int, groups: int, counts: Ints) -> str:
    return (
        f"Fold {fold + 1} has {counted(n, 'row')}, and its {groups} groups by predicted effect would have {counts.tolist()}: each needs {LEAST}. "
        "Ask for fewer `groups`; predictions that are the same for many rows cannot be cut."
    )


def _cut(values: Floats, weight: Floats, groups: int) -> Ints:
    """Groups of equal weight by rising value; rows with the same value stay together."""
    order = np.argsort(values, kind="stable")
    middle = np.cumsum(weight[order]) - weight[order] / 2
    _, ties = np.unique(values[order], return_inverse=True)
    centre = np.bincount(ties, weight[order] * middle) / np.bincount(ties, weight[order])
    found = np.empty(len(values), dtype=np.int64)
    found[order] = np.minimum((centre[ties] / weight.sum() * groups).astype(np.int64), groups - 1)
    return found


def _covariance(rows: Scored, scores: Floats, dummies: Floats, effects: Floats, total: Floats) -> Floats:
    """Covariance [J, J] by clusters; deviations from the common mean counted ``reuse`` times."""
    rest = scores[:, None] - rows.weight[:, None] * effects
    sums = sums_by(rows.clusters, dummies * rest / total)
    plain = sums.T @ sums * rows.n_clusters / (rows.n_clusters - 1)
    apart = np.eye(len(effects)) - total / total.sum()
    return np.asarray(plain + (reuse(rows) - 1) * apart @ plain @ apart.T)


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Mean contexts of those with the lowest (``least``) and the highest (``most``) predicted effects, and the difference's error, [K] each."""

    names: tuple[str, ...]
    least: Floats
    most: Floats
    std_errors: Floats
    spreads: Floats
    df: int

    def p_values(self) -> Floats:
        """[K], two-sided, each by itself; of contexts that do not vary 1."""
        from scipy import special

        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.abs(self.most - self.least) / self.std_errors
        return np.where(self.std_errors > 0, 2 * special.stdtr(self.df, -np.nan_to_num(t)), 1.0)


def contrasts(rows: Scored, groups: Groups) -> Contrasts:
    """Who those with the lowest and the highest predicted effects are.

    Both groups are taken as given: this describes those for whom models predict most and least, whether or not they are right.
    """
    ends = [groups.member == 0, groups.member == len(groups.effects) - 1]
    total = [float(rows.weight[e].sum()) for e in ends]
    least, most = ((rows.weight[e] @ rows.contexts[e]) / w for e, w in zip(ends, total, strict=True))
    parts = [
        (e * rows.weight / w)[:, None] * (rows.contexts - mean)
        for e, w, mean in zip(ends, total, (least, most), strict=True)
    ]
    sums = sums_by(rows.clusters, parts[1] - parts[0])
    error = np.sqrt((sums**2).sum(axis=0) * rows.n_clusters / (rows.n_clusters - 1))
    centre = rows.weight @ rows.contexts / len(rows)
    spreads = np.sqrt(rows.weight @ (rows.contexts - centre) ** 2 / len(rows))
    return Contrasts(rows.names, least, most, error, spreads, rows.n_clusters - 1)
