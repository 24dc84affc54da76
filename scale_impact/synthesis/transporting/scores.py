"""Transport by orthogonal scores, whose mean given contexts is the conditional effect.

    weighting          sum_i w_i s_i,   w_i ~ odds of being in the target, sum 1
    doubly robust      mean_j g(x_j) + sum_i w_i (s_i - g(x_i)),   j in the target, i in the study, g the model of effects

Errors by influence functions: of a row of the study w_i (s_i - theta), or w_i (s_i - g_i); of a row of the target (g_j - theta) / N; and,
for weighting, of all rows what they add to the weights' own coefficients. In the doubly robust estimate the latter does not count to
first order where g is right. Rows of a cluster are summed before they are squared.

Source: Dahabreh et al. (2020), section 4 and appendix; Dahabreh, Robertson, Tchetgen, Stuart and Hernan (2019), Biometrics 75.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.causal.heterogeneity import Heterogeneity
from scale_impact.synthesis.transporting.weights import Weights

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


KNOWN = "Means of the target are taken as known."


@dataclass(frozen=True, eq=False)
class Found:
    """Effects by context, and the rows of it that have all contexts."""

    of: Heterogeneity
    kept: Ints

    @property
    def scores(self) -> Floats:
        """[n]."""
        return np.asarray(self.of.scores, dtype=float)[self.kept]

    @property
    def clusters(self) -> Ints:
        """[n], from 0 on."""
        return np.unique(self.of.rows.clusters[self.kept], return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class Carried:
    """An effect in a target, its standard error, and what was done."""

    estimate: float
    std_error: float
    notes: tuple[str, ...] = ()


def mean(found: Heterogeneity) -> tuple[float, float]:
    """Mean score of the study and its standard error: the effect in a study whose rows count the same."""
    every = Found(found, np.arange(len(found.scores)))
    estimate = float(every.scores.mean())
    return estimate, _size((every.scores - estimate) / len(every.scores), every.clusters)


def carried(
    found: Found, weights: Weights, target: pd.DataFrame, there: Floats, study: Floats, way: str, *, whole: bool
) -> Carried:
    """The effect in a target.

    Parameters
    ----------
    target, there:
        Rows of the target with all that the model of effects needs, and the contexts weighted by [N, K].
    study:
        Those contexts of the study's rows [n, K].
    """
    w, scores = weights.of_rows, found.scores
    if way != "doubly_robust":
        error = float(np.sqrt(drawn(scores, found.clusters, weights, there, study, way, whole=whole)))
        return Carried(float(w @ scores), error, (KNOWN,) if len(there) == 1 else ())
    own_model, of_target, notes = _models(found, target, study, there, w)
    level = float(of_target.mean())
    mended = w * (scores - own_model)
    estimate = level + float(mended.sum())
    error = _size(mended - w * mended.sum(), found.clusters) ** 2
    error += 0.0 if whole else float(of_target.var(ddof=1)) / len(of_target) if len(of_target) > 1 else 0.0
    return Carried(estimate, float(np.sqrt(error)), notes)


def drawn(
    scores: Floats, clusters: Ints, weights: Weights, there: Floats, study: Floats, way: str, *, whole: bool
) -> float:
    """Variance of a weighted mean of scores [n] from having drawn these rows of the study, and these of the target (not where ``whole``)."""
    w = weights.of_rows
    if way == "inverse_odds":
        own, moved, of_target = _with_weights(weights, w * (scores - float(w @ scores)))
        return _size(own + moved, clusters) ** 2 + (0.0 if whole else float((of_target**2).sum()))
    fitted, beta = _line(study, scores, w)
    of_study = _size(w * (scores - fitted), clusters) ** 2
    known = whole or len(there) == 1
    return of_study + (0.0 if known else float(beta @ np.atleast_2d(np.cov(there.T)) @ beta) / len(there))


def _with_weights(weights: Weights, own: Floats) -> tuple[Floats, Floats, Floats]:
    """What rows of the study add by themselves and through the weights' coefficients [n], and what rows of the target add [N]."""
    if weights.design is None or weights.moves is None:
        return own, np.zeros(len(own)), np.zeros(0)
    slope = own @ weights.design
    moved = weights.moves @ slope
    return own, moved[: len(own)], moved[len(own) :]


def _line(x: Floats, y: Floats, w: Floats) -> tuple[Floats, Floats]:
    """A weighted least-squares line: fitted values [n] and slopes [K]."""
    full = np.column_stack([np.ones(len(x)), x])
    root = np.sqrt(w)[:, None]
    b = np.linalg.lstsq(full * root, y * root[:, 0], rcond=None)[0]
    return np.asarray(full @ b), np.asarray(b[1:])


def _models(
    found: Found, target: pd.DataFrame, study: Floats, there: Floats, w: Floats
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """What a model of effects says of the study's rows (without having seen them) and of the target's."""
    of = found.of
    if of.predict is not None:
        own = np.asarray(of.cate if of.modelled is None else of.modelled, dtype=float)[found.kept]
        return own, of.predict(target)["estimate"].to_numpy(float), ()
    full = np.column_stack([np.ones(len(study)), study])
    b = np.linalg.lstsq(full, found.scores, rcond=None)[0]
    note = "The estimator cannot tell effects of other contexts: a line through the scores does."
    return full @ b, np.column_stack([np.ones(len(there)), there]) @ b, (note,)


def _size(influence: Floats, clusters: Ints) -> float:
    """Root of the sum of squares by cluster, with the factor G / (G - 1)."""
    total = sums_by(clusters, influence)
    g = len(total)
    return float(np.sqrt(total @ total * (g / (g - 1) if g > 1 else 1.0)))
