"""Distance in the propensity: how likely cities are, by their context, to belong to a group (those that adopted a measure).

One city has no propensity; a group has. Cities that are as likely to adopt have, on average, the same context whether they did or not;
any two of them may still differ much. Each logit comes from models that have not seen the city: a logit that has, tells
adopters from others better than context does, and finds no peers where there are some.

Source: Rosenbaum and Rubin (1983), theorem 1; (1985) (nearest in the logit, pooled standard deviation); Austin
(2011) (caliper of 0.2); Chernozhukov et al. (2018), definition 3.1 (cross-fitting, here averaged over several dealings of the folds).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints
from scale_impact.benchmark.nearness.moments import moments
from scale_impact.benchmark.nearness.variables import Bools, Variables

CALIPER = 0.2
"""Standard deviations of the logit."""

FOLDS, DEALINGS = 5, 10
LEAST = 10
"""Cities of either side that a model needs."""

BARELY = 1e-3
"""What a city that was not drawn counts at least, so that a draw without any member has a logit too."""


@dataclass(frozen=True)
class Propensity:
    """Cities on the line of their logits.

    Attributes
    ----------
    logits:
        [N]; NaN for a city that lacks a value.
    terms:
        What each variable adds to the logit, by the mean model [N, K].
    weights:
        Share of each variable in the mean size of these terms [K]; they sum to 1.
    sd:
        Pooled standard deviation of the logit in both groups.
    """

    logits: Floats
    terms: Floats
    weights: Floats
    sd: float

    slack = 1e-12

    def rough(self, rows: Ints, others: Ints) -> Floats:
        """Distances [b, n] in the logit."""
        return np.abs(self.logits[rows][:, None] - self.logits[others])

    def exact(self, rows: Ints, others: Ints) -> Floats:
        """Distances of cities [b] to others of their own [b, c]."""
        return np.abs(self.logits[rows][:, None] - self.logits[others])

    def parts(self, row: int, others: Ints) -> Floats:
        """By variable [n, K], the size of the difference in what it adds to the logit; differences of opposite sign may cancel."""
        return np.asarray(np.abs(self.terms[row] - self.terms[others]), dtype=float)


def propensity(variables: Variables, member: Bools, counts: Floats, seed: int, dealings: int = DEALINGS) -> Propensity:
    """The distance, from cities that count so often [N]; ``member`` [N] says who belongs to the group."""
    found = moments(variables, counts)
    sd = np.sqrt(np.diag(found.covariance))
    x = found.columns / np.where(sd > 0, sd, 1.0)
    usable = np.asarray(variables.known.all(axis=1), dtype=bool)
    rng = np.random.default_rng(seed)
    fitted = [_cross_fitted(x, member, counts, usable, _folds(member, usable, rng)) for _ in range(dealings)]
    logits = np.mean([f[0] for f in fitted], axis=0)
    slopes = np.mean([f[1] for f in fitted], axis=0)
    terms = np.zeros((len(x), len(variables.names)))
    np.add.at(terms.T, found.of, (x * slopes).T)
    size = terms[usable].std(axis=0)
    total = float(size.sum())
    weights = size / total if total > 0 else np.full(len(size), 1 / len(size))
    return Propensity(np.where(usable, logits, np.nan), terms, weights, _pooled(logits, member, usable))


def _folds(member: Bools, usable: Bools, rng: np.random.Generator) -> Ints:
    """[N], fold of each city, both groups spread evenly."""
    folds = np.zeros(len(member), dtype=np.int64)
    for side in (member, ~member):
        at = np.flatnonzero(side & usable)
        folds[rng.permutation(at)] = np.arange(len(at)) % FOLDS
    return folds


def _cross_fitted(x: Floats, member: Bools, counts: Floats, usable: Bools, folds: Ints) -> tuple[Floats, Floats]:
    """Logits [N], each by a model without the city's fold, and the mean slopes [E]."""
    from sklearn.linear_model import LogisticRegression

    logits, slopes = np.zeros(len(x)), np.zeros(x.shape[1])
    for fold in range(FOLDS):
        train = usable & (folds != fold)
        model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-8)
        model.fit(x[train], member[train], sample_weight=np.maximum(counts[train], BARELY))
        rows = folds == fold
        logits[rows] = model.decision_function(x[rows])
        slopes += model.coef_[0] / FOLDS
    return logits, slopes


def _pooled(logits: Floats, member: Bools, usable: Bools) -> float:
    return float(np.sqrt(np.mean([logits[side & usable].var(ddof=1) for side in (member, ~member)])))
