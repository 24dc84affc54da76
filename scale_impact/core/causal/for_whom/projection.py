"""Best linear projection: along which contexts does the effect differ?

Scores whose mean given contexts is the conditional effect are regressed on the contexts: the coefficients are those of the
best linear approximation of the conditional effect, whatever its true form. Where scores stand for the treated (ATT), each
row counts by its probability of treatment, so that all averages are over the treated. That probability is learned: whoever was
treated more often than it says adds its effect's distance from what is fitted (``Scored.mended``), which makes the mean that of
the efficient score of the ATT.

Source: Semenova and Chernozhukov (2021), section 2; MacKinnon and White (1985), HC3, by cluster: Bell and McCaffrey (2002); Hahn
(1998), theorem 1, for the treated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.words import counted, some
from scale_impact.errors import EstimationError

if TYPE_CHECKING:
    from scale_impact.core.causal.heterogeneity import Heterogeneity

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLAT = 1e-9
"""A context whose rest after the others is less than this share of its own spread says nothing new."""

ALONE = 1e-8
"""Where leaving a cluster out takes all but this share of a direction, the direction is that cluster's alone."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows as the tests of heterogeneity read them.

    Attributes
    ----------
    scores:
        [n], each times its row's weight: the mean given contexts is weight times conditional effect.
    weight:
        [n], what a row counts; their mean is 1.
    cate:
        [n], conditional effects by models that never saw the row's cluster.
    contexts, names:
        [n, K] numbers, and what they are called.
    clusters, folds:
        [n], counted from 0.
    surplus, modelled:
        [n], exposure less its probability, as weights are scaled, and the effect that the scores' models say; None where everybody
        counts alike.
    """

    scores: Floats
    weight: Floats
    cate: Floats
    contexts: Floats
    names: tuple[str, ...]
    clusters: Ints
    folds: Ints
    surplus: Floats | None = None
    modelled: Floats | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def mended(self, fitted: Floats | float) -> Floats:
        """Scores [n] with what the weights' own errors add to a mean, or a line, that is ``fitted`` to them."""
        if self.surplus is None or self.modelled is None:
            return self.scores
        return np.asarray(self.scores + self.surplus * (self.modelled - fitted))

    @property
    def average(self) -> float:
        """The mean effect."""
        return mean_effect(self)[0]

    @cached_property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.clusters.max()) + 1

    @cached_property
    def deviation(self) -> Floats:
        """[n], conditional effects less their fold's mean: models of different folds have levels of their own."""
        return self.cate - by_fold(self, self.cate)

    def take(self, rows: NDArray[Any]) -> Scored:
        """Some rows, with weights, clusters and folds as they were."""
        return replace(
            self, scores=self.scores[rows], weight=self.weight[rows], cate=self.cate[rows],
            contexts=self.contexts[rows], clusters=self.clusters[rows], folds=self.folds[rows],
            surplus=None if self.surplus is None else self.surplus[rows],
            modelled=None if self.modelled is None else self.modelled[rows],
        )  # fmt: skip

    def turned(self) -> Scored:
        """The same with effects of the other sign."""
        modelled = None if self.modelled is None else -self.modelled
        return replace(self, scores=-self.scores, cate=-self.cate, modelled=modelled)


def scored(found: Heterogeneity) -> Scored:
    """The rows of a heterogeneity, weighted so that averages are of its estimand."""
    treated, mean = found.estimand == "ATT", float(found.propensity.mean())
    weight = found.propensity / mean if treated else np.ones(len(found.scores))
    return Scored(
        scores=_of_treated(found) / mean if treated else np.asarray(found.scores, dtype=np.float64),
        weight=weight,
        cate=np.asarray(found.cate, dtype=np.float64),
        contexts=found.contexts.to_numpy(dtype=np.float64).reshape(len(weight), found.contexts.shape[1]),
        names=tuple(map(str, found.contexts.columns)),
        clusters=np.unique(found.rows.clusters, return_inverse=True)[1],
        folds=np.unique(found.folds, return_inverse=True)[1],
        surplus=(found.rows.exposure - found.propensity) / mean if treated else None,
        modelled=(found.cate if found.modelled is None else found.modelled) if treated else None,
    )


def _of_treated(found: Heterogeneity) -> Floats:
    """Scores [n] times probabilities, in which controls count in sum as the treated do (as in the estimate: their odds may not).

    A control's part in the ATT's score is its residual by its odds; the rest of it is what models say.
    """
    d, p = found.rows.exposure, found.propensity
    if found.modelled is None:
        return np.asarray(found.scores * p)
    said = (d - p) * found.modelled
    odds = float((p / (1 - p))[d == 0].sum())
    return np.asarray((found.scores * p + said) * np.where(d == 0, d.sum() / odds, 1.0) - said)


def by_fold(rows: Scored, values: Floats) -> Floats:
    """[n], the weighted mean of values in each row's fold."""
    total = np.bincount(rows.folds, rows.weight)
    return np.asarray((np.bincount(rows.folds, rows.weight * values) / total)[rows.folds])


# ---- regression of scores -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Regression:
    """Coefficients [K], their covariance and the degrees of freedom (clusters - 1)."""

    coefficients: Floats
    covariance: Floats
    df: int

    @property
    def std_errors(self) -> Floats:
        """[K]."""
        return np.sqrt(np.diag(self.covariance))


def regress(rows: Scored, columns: Floats) -> Regression:
    """Weighted regression of scores on columns [n, K], with HC3 standard errors by cluster.

    Raises
    ------
    EstimationError
        A column varies in one cluster alone, so that nothing is left without it.
    """
    weight, clusters = rows.weight, rows.clusters
    cross = columns.T @ (weight[:, None] * columns)
    first = np.linalg.solve(cross, columns.T @ rows.scores)
    scores = rows.mended(columns @ first)
    slopes = np.asarray(np.linalg.solve(cross, columns.T @ scores), dtype=np.float64)
    moved = _left_out(columns, weight, clusters, cross, scores - weight * (columns @ slopes))
    return Regression(slopes, moved.T @ moved, int(clusters.max()))


def mean_effect(rows: Scored) -> tuple[float, float]:
    """The mean effect and its standard error, in which who the rows are is drawn, too: contexts are not held fixed."""
    found = regress(rows, np.ones((len(rows), 1)))
    return float(found.coefficients[0]), float(found.std_errors[0])


def _left_out(columns: Floats, weight: Floats, clusters: Ints, cross: Floats, rest: Floats) -> Floats:
    """What each cluster's absence moves the coefficients by, [G, K]."""
    inverse = np.linalg.inv(cross)
    if int(clusters.max()) + 1 == len(clusters):
        across = columns @ inverse
        kept = 1 - weight * (across * columns).sum(axis=1)
        if kept.min() < ALONE:
            raise EstimationError(_lonely("row"))
        return np.asarray(across * (rest / kept)[:, None])
    sums = sums_by(clusters, columns * rest[:, None])
    parts = _crosses(columns, weight, clusters)
    kept = np.eye(len(cross)) - parts @ inverse
    if np.abs(np.linalg.det(kept)).min() < ALONE:
        raise EstimationError(_lonely("cluster"))
    return np.linalg.solve(kept, sums[..., None])[..., 0] @ inverse


def _crosses(columns: Floats, weight: Floats, clusters: Ints) -> Floats:
    """Weighted cross products [G, K, K] of each cluster."""
    k = columns.shape[1]
    pairs = (columns[:, :, None] * (weight[:, None] * columns)[:, None, :]).reshape(len(columns), k * k)
    return sums_by(clusters, pairs).reshape(-1, k, k)


def _lonely(what: str) -> str:
    return (
        f"A context varies in a single {what}: without it nothing could be told of that context, so there is no standard error. Leave "
        "rare categories out of `contexts`, or put them together."
    )


# ---- projection -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Projection:
    """The conditional effect as a line in the contexts.

    Attributes
    ----------
    names, spreads:
        The q contexts that enter, and one (weighted) standard deviation of each.
    average:
        Mean effect and its standard error.
    slopes:
        Per standard deviation, [q]; ``slopes / spreads`` are per unit.
    covariance:
        Of ``slopes``.
    correlations:
        Of the contexts, [q, q].
    dropped:
        Contexts that are constant or follow from earlier ones.
    """

    names: tuple[str, ...]
    spreads: Floats
    average: tuple[float, float]
    slopes: Floats
    covariance: Floats
    correlations: Floats
    dropped: tuple[str, ...]
    df: int

    @property
    def std_errors(self) -> Floats:
        """[q], of ``slopes``."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def spread(self) -> float:
        """Standard deviation of the projected effects, not corrected for noise."""
        return float(np.sqrt(self.slopes @ self.correlations @ self.slopes))

    @cached_property
    def test(self) -> tuple[float, float]:
        """F of all slopes together, by Hotelling's distribution of q and G - q degrees of freedom, and its p-value."""
        from scipy import special

        q, groups = len(self.slopes), self.df + 1
        wald = float(self.slopes @ np.linalg.solve(self.covariance, self.slopes))
        f = wald * (groups - q) / ((groups - 1) * q)
        return f, float(special.fdtrc(q, groups - q, f))

    def p_values(self) -> Floats:
        """[q], two-sided, each by itself."""
        from scipy import special

        return np.asarray(2 * special.stdtr(self.df, -np.abs(self.slopes / self.std_errors)))

    def detectable(self, alpha: float, power: float) -> float:
        """The standard deviation of effects along the contexts that the test would have noticed.

        Power by the noncentral F distribution; its noncentrality for a given spread is that of an average direction.
        """
        from scipy import special

        q, rest = len(self.slopes), self.df + 1 - len(self.slopes)
        critical = float(special.fdtri(q, rest, 1 - alpha))
        noncentrality = float(special.ncfdtrinc(q, rest, 1 - power, critical))
        per_variance = float(np.trace(np.linalg.inv(self.covariance) @ np.linalg.inv(self.correlations))) / q
        return float(np.sqrt(noncentrality * (self.df / rest) / per_variance))


def project(rows: Scored) -> Projection:
    """Regress scores on contexts, per standard deviation.

    Raises
    ------
    EstimationError
        No context varies; there are not more clusters than contexts and two; a context varies in one cluster alone.
    """
    standard, spreads = _standard(rows)
    kept = independent(standard)
    names = tuple(rows.names[k] for k in kept)
    dropped = tuple(n for n in rows.names if n not in names)
    if not names:
        raise EstimationError(
            "No context varies, so there is nothing along which the effect could differ. Name `contexts` that do."
        )
    if rows.n_clusters < len(names) + 3:
        raise EstimationError(
            f"{counted(len(names), 'context')} ({some(names)}) and {counted(rows.n_clusters, 'cluster')}: too few to tell slopes from noise. "
            f"Name at most {max(0, rows.n_clusters - 3)} `contexts`."
        )
    columns = standard[:, kept]
    found = regress(rows, np.column_stack([np.ones(len(rows)), columns]))
    share = rows.weight / len(rows)
    return Projection(
        names=names, spreads=spreads[kept],
        average=mean_effect(rows),
        slopes=found.coefficients[1:], covariance=found.covariance[1:, 1:],
        correlations=columns.T @ (share[:, None] * columns), dropped=dropped, df=found.df,
    )  # fmt: skip


def _standard(rows: Scored) -> tuple[Floats, Floats]:
    """Contexts with (weighted) mean 0 and variance 1, and their standard deviations; constant ones are 0."""
    share = rows.weight / len(rows)
    centred = rows.contexts - share @ rows.contexts
    spreads = np.sqrt(share @ centred**2)
    real = spreads > FLAT * (1e-300 + np.abs(rows.contexts).max(axis=0, initial=0.0))
    return np.where(real, centred / np.where(real, spreads, 1.0), 0.0), np.where(real, spreads, 0.0)


def independent(columns: Floats) -> list[int]:
    """Columns that do not follow from those before them."""
    kept: list[int] = []
    basis = np.empty((len(columns), 0))
    for k, column in enumerate(columns.T):
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        size = float(np.linalg.norm(rest))
        if size > 1e-6 * max(float(np.linalg.norm(column)), 1e-300):
            kept, basis = [*kept, k], np.column_stack([basis, rest / size])
    return kept


def said_of_dropped(names: tuple[str, ...]) -> str:
    """That contexts were left out, as a sentence."""
    return f" Left out, because constant or told by others: {some(names)}." if names else ""
