"""Changes of a cohort against changes of controls that are like it in covariates, for panels.

Three ways: weighting the controls by their odds of being in the cohort (``ipw``), predicting the
cohort's change by a regression among the controls (``reg``), and both (``dr``), which is right
where either model is. A comparison is one cohort against one set of controls; it has one
propensity model and one regression for all its periods, and everything else follows from sums
over units that are formed together:

    score of a treated unit   w (r - mean_1) / n  -  w (1 - p) x' Q
    score of a control        -(v / s + w x' u) r  +  v / s mean_0  +  w p x' Q

with r the residual change, p the propensity, v = w p / (1 - p) and s their sum, u what a unit's
residual moves through the regression, Q what it moves through the propensity model.

Source: Sant'Anna and Zhao (2020), equations 3.1, 2.2 and section 3.2 ("traditional" doubly
robust: logit by maximum likelihood, least squares); as R's ``DRDID``: ``drdid_panel``,
``std_ipw_did_panel``, ``reg_did_panel``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.propensity import BLOCK, TRIMMED, Groups, Models, Trouble, fit_models, probabilities
from scale_impact.core.unit_scores import Block

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Method = Literal["dr", "ipw", "reg"]
METHODS = {"dr": "doubly robust", "ipw": "inverse probability weighting", "reg": "outcome regression"}

NO_RANK = 1e-11
"""Covariates whose correlation matrix has a smaller eigenvalue are combinations of each other."""


@dataclass(frozen=True, eq=False)
class Units:
    """N units of a panel over T periods.

    Attributes
    ----------
    outcomes:
        [N, T]; anything where not observed.
    members:
        Positions of the units of each cohort.
    traits:
        Covariates, each [N] or, where it varies over time, [N, T].
    centre, size:
        What is subtracted from each covariate, and what it is divided by: numbers near 1.
    weights:
        Unit weights [N]; None: all 1.
    seen:
        Which outcomes are observed, [N, T]; None: all.
    origin:
        Path [T] subtracted from all outcomes, to keep digits.
    """

    outcomes: Floats
    members: tuple[Ints, ...]
    traits: tuple[Floats, ...]
    centre: Floats
    size: Floats
    weights: Floats | None
    seen: Bools | None
    origin: Floats

    @property
    def n_traits(self) -> int:
        """Covariates and a constant, k."""
        return 1 + len(self.traits)

    def covariates(self, rows: Ints, when: int) -> Floats:
        """Covariates of some units in a period, the constant first, [k, m]."""
        found = np.ones((self.n_traits, len(rows)))
        for j, trait in enumerate(self.traits):
            values = trait[rows] if trait.ndim == 1 else trait[rows, when]
            found[1 + j] = (values - self.centre[j]) / self.size[j]
        return found

    def weight(self, rows: Ints, pair: tuple[int, int] | None) -> Floats | None:
        """Weights of some units, 0 where one is not observed in both periods of a pair; None: all 1."""
        weights = None if self.weights is None else self.weights[rows]
        if self.seen is None or pair is None:
            return weights
        both = (self.seen[rows, pair[0]] & self.seen[rows, pair[1]]).astype(float)
        return both if weights is None else np.asarray(both * weights)

    def paths(self, rows: Ints, periods: Ints | slice = slice(None)) -> Floats:
        """Outcomes of some units by period, [T, m]; 0 where not observed."""
        some = self.outcomes.take(rows, axis=0) if isinstance(periods, slice) else self.outcomes[np.ix_(rows, periods)]
        found = some.T.copy()  # each period lies together
        found -= self.origin[periods, None]
        if self.seen is not None:
            seen = self.seen.take(rows, axis=0) if isinstance(periods, slice) else self.seen[np.ix_(rows, periods)]
            found[~seen.T] = 0.0
        return found


@dataclass(frozen=True)
class View:
    """Comparisons that see the same: covariates of one period, and units observed in a pair of periods (None: all)."""

    when: int
    pair: tuple[int, int] | None = None


@dataclass(frozen=True)
class Comparison:
    """A cohort against a set of controls [G] in some cells: their positions, periods and base periods."""

    view: View
    cohort: int
    controls: Bools
    cells: Ints
    period: Ints
    base: Ints

    @cached_property
    def cohorts(self) -> Bools:
        """Cohorts that have part, [G]."""
        found = self.controls.copy()
        found[self.cohort] = True
        return found


class Compared(Protocol):
    """What a comparison is known by: its cohort, and the positions of its cells."""

    @property
    def cohort(self) -> int:
        """Position of the cohort."""

    @property
    def cells(self) -> Ints:
        """Positions of the cells."""


@dataclass(frozen=True)
class Refused:
    """A comparison that cannot be made, why, and which covariates (positions) it is about."""

    comparison: Compared
    trouble: Trouble
    traits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """A comparison with its models; k covariates, c cells.

    Attributes
    ----------
    comparison:
        What is compared.
    values:
        Effects, [c].
    logit:
        Coefficients of the propensity model, [k]; None under ``reg``.
    slopes:
        Of the regression, [k, c]; zero under ``ipw``.
    lift:
        u: by how much a control's residual moves the effect through the regression, [k].
    pull:
        Q: by how much a score of the propensity model moves the effects, [k, c].
    treated_mean, control_mean:
        Mean residual changes, [c].
    treated_sum, control_sum:
        Sums of weights.
    """

    comparison: Comparison
    values: Floats
    logit: Floats | None
    slopes: Floats
    lift: Floats
    pull: Floats
    treated_mean: Floats
    control_mean: Floats
    treated_sum: float
    control_sum: float

    def scores(self, x: Floats, w: Floats | None, paths: Floats, treated: bool) -> Floats:
        """What units add to the error of the effects, [c, m]; ``x`` [k, m], ``w`` [m], ``paths`` [T, m]."""
        residuals = paths[self.comparison.period]
        residuals -= paths[self.comparison.base]
        residuals -= self.slopes.T @ x
        return (self._of_treated if treated else self._of_controls)(x, w, residuals)

    def _of_treated(self, x: Floats, w: Floats | None, residuals: Floats) -> Floats:
        residuals -= self.treated_mean[:, None]
        residuals /= self.treated_sum
        if self.logit is not None:
            residuals -= self.pull.T @ (x * (1 - probabilities(self.logit @ x)))
        return residuals if w is None else residuals * w

    def _of_controls(self, x: Floats, w: Floats | None, residuals: Floats) -> Floats:
        lift = self.lift @ x
        if self.logit is None:
            residuals *= -lift
            return residuals if w is None else residuals * w
        p = probabilities(self.logit @ x)
        share = odds(p) / self.control_sum
        residuals *= -(share + lift)
        residuals += np.column_stack([self.control_mean, self.pull.T]) @ np.vstack([share, x * p])
        return residuals if w is None else residuals * w


def odds(p: Floats) -> Floats:
    """p / (1 - p), and 0 where a control is trimmed."""
    with np.errstate(divide="ignore"):
        return np.where(p < TRIMMED, p / (1 - p), 0.0)


def score_blocks(units: Units, fits: Sequence[Fitted]) -> Iterator[Block]:
    """What units add to the error of all effects, some units of one cohort at a time."""
    for g, members in enumerate(units.members):
        own = [f for f in fits if f.comparison.cohorts[g]]
        if not own:
            continue
        cells = np.concatenate([f.comparison.cells for f in own])
        for start in range(0, len(members), BLOCK):
            rows = members[start : start + BLOCK]
            yield Block(g, rows, cells, _scores(units, own, g, rows))


def _scores(units: Units, fits: Sequence[Fitted], g: int, rows: Ints) -> Floats:
    """Scores of some units of cohort g, [c, m]."""
    paths, seen = units.paths(rows), {}
    found = np.empty((sum(len(f.values) for f in fits), len(rows)))
    at = 0
    for fit in fits:
        view = fit.comparison.view
        if view not in seen:
            seen[view] = units.covariates(rows, view.when), units.weight(rows, view.pair)
        found[at : at + len(fit.values)] = fit.scores(*seen[view], paths, fit.comparison.cohort == g)
        at += len(fit.values)
    return found


def fitted(units: Units, comparisons: Sequence[Comparison], method: Method) -> tuple[list[Fitted], list[Refused]]:
    """Fit all comparisons; those that cannot be made are given back with the trouble."""
    found: list[Fitted] = []
    refused: list[Refused] = []
    views: dict[View, list[Comparison]] = {}
    for comparison in comparisons:
        views.setdefault(comparison.view, []).append(comparison)
    for view, own in views.items():
        good, bad = _Fit(units, view, method).all(own)
        found += good
        refused += bad
    return found, refused


@dataclass(frozen=True, eq=False)
class _Fit:
    """The comparisons of one view: sums over units, then small matrices."""

    units: Units
    view: View
    method: Method

    def all(self, comparisons: list[Comparison]) -> tuple[list[Fitted], list[Refused]]:
        """Those that can be made, and those that cannot."""
        refused = [r for c in comparisons if (r := self._trouble(c)) is not None]
        bad = {id(r.comparison) for r in refused}
        good = [c for c in comparisons if id(c) not in bad]
        if not good:
            return [], refused
        models = self._models(good)
        troubles: list[Trouble | None] = [None] * len(good) if models is None else models.troubles()
        refused += [Refused(c, t, self._apart(c)) for c, t in zip(good, troubles, strict=True) if t is not None]
        left = [p for p, t in enumerate(troubles) if t is None]
        if not left:
            return [], refused
        sums = self._sums([good[p] for p in left], None if models is None else models.coefficients[left])
        return [self._solved(good[p], at, sums, p, models) for at, p in enumerate(left)], refused

    @cached_property
    def groups(self) -> Groups:
        """Covariates and weights by cohort."""
        members = self.units.members
        return Groups(
            [self.units.covariates(rows, self.view.when) for rows in members],
            [self.units.weight(rows, self.view.pair) for rows in members],
        )

    @cached_property
    def products(self) -> Floats:
        """Sums of products of covariates by cohort, [G, k, k]."""
        return self.groups.moments()

    @cached_property
    def periods(self) -> Ints:
        """Periods whose outcomes are used, in order."""
        pair = self.view.pair
        return np.arange(self.units.outcomes.shape[1]) if pair is None else np.array(sorted(pair))

    def _trouble(self, comparison: Comparison) -> Refused | None:
        k = self.units.n_traits
        if self.method != "reg" and self.groups.seen()[comparison.cohort] < k - 1:
            return Refused(comparison, "small")
        if self.groups.seen()[comparison.controls].sum() < k:
            return Refused(comparison, "few_controls")
        used = comparison.cohorts if self.method == "ipw" else comparison.controls
        products = self.products[used].sum(axis=0)
        return None if has_rank(products) else Refused(comparison, "collinear", combinations(products))

    def _apart(self, comparison: Comparison) -> tuple[int, ...]:
        """Covariates that tell the cohort from its controls: each alone, otherwise the one with the largest gap."""
        x, w = self.groups.covariates, self.groups.weights
        seen = [xs if v is None else xs[:, v > 0] for xs, v in zip(x, w, strict=True)]
        own = seen[comparison.cohort]
        others = np.concatenate([seen[int(h)] for h in np.flatnonzero(comparison.controls)], axis=1)
        return apart(own[1:], others[1:])

    def _models(self, comparisons: list[Comparison]) -> Models | None:
        """The propensity models; None under ``reg``."""
        if self.method == "reg":
            return None
        cohorts, controls = np.array([c.cohort for c in comparisons]), np.array([c.controls for c in comparisons])
        return fit_models(self.groups, self.products, cohorts, controls)

    def _sums(self, comparisons: list[Comparison], logits: Floats | None) -> _Sums:
        """Sums over units of covariates times outcomes, plain and weighted by odds."""
        k, t = self.units.n_traits, len(self.periods)
        periods = slice(None) if self.view.pair is None else self.periods
        upper = np.triu_indices(k)
        plain = np.zeros((len(self.units.members), k, t))
        products, outcomes = np.zeros((len(comparisons), len(upper[0]))), np.zeros((len(comparisons), k, t))
        controls = np.array([c.controls for c in comparisons]).reshape(len(comparisons), -1)
        for g, rows in enumerate(self.units.members):
            chosen = np.flatnonzero(controls[:, g])
            for start, (x, w) in zip(range(0, len(rows), BLOCK), self.groups.blocks(g), strict=True):
                y = self.units.paths(rows[start : start + BLOCK], periods)
                y = (y - y[0]).T
                plain[g] += (x if w is None else x * w) @ y
                if logits is None or not len(chosen):
                    continue
                v = odds(probabilities(logits[chosen] @ x))
                v = v if w is None else v * w
                products[chosen] += v @ (x[upper[0]] * x[upper[1]]).T
                outcomes[chosen] += ((v[:, None] * x).reshape(-1, x.shape[1]) @ y).reshape(-1, k, t)
        square = np.zeros((len(comparisons), k, k))
        square[:, upper[0], upper[1]] = square[:, upper[1], upper[0]] = products
        return _Sums(plain, square, outcomes)

    def _solved(self, comparison: Comparison, at: int, sums: _Sums, p: int, models: Models | None) -> Fitted:
        """Everything of one comparison from the sums (``at``) and its model (``p``)."""
        g, controls = comparison.cohort, comparison.controls
        k, c = self.units.n_traits, len(comparison.cells)
        change = self._change(comparison)
        n, mean = self.products[g, 0, 0], self.products[g, 0] / self.products[g, 0, 0]
        bread = np.zeros((k, k)) if self.method == "ipw" else np.linalg.inv(self.products[controls].sum(axis=0))
        slopes = bread @ change(sums.plain[controls].sum(axis=0))
        treated_mean = change(sums.plain[g, :1])[0] / n - mean @ slopes
        if models is None:
            return Fitted(comparison, treated_mean, None, slopes, bread @ mean, np.zeros((k, c)), treated_mean,
                          np.zeros(c), n, 1.0)  # fmt: skip
        s, weighted = sums.products[at, 0, 0], sums.products[at, 0] / sums.products[at, 0, 0]
        residual = (change(sums.outcomes[at]) - sums.products[at] @ slopes) / s
        control_mean = residual[0]
        pull = models.inverse(p) @ (residual - np.outer(weighted, control_mean))
        return Fitted(comparison, treated_mean - control_mean, models.coefficients[p], slopes, bread @ (mean - weighted), pull,
                      treated_mean, control_mean, n, s)  # fmt: skip

    def _change(self, comparison: Comparison) -> Callable[[Floats], Floats]:
        """Sums [k, T] as changes between the cells' periods, [k, c]."""
        period, base = (np.searchsorted(self.periods, when) for when in (comparison.period, comparison.base))
        return lambda sums: sums[:, period] - sums[:, base]


@dataclass(frozen=True)
class _Sums:
    """By cohort: covariates times outcomes [G, k, T]. By comparison, weighted by odds: products [P, k, k], outcomes [P, k, T]."""

    plain: Floats
    products: Floats
    outcomes: Floats


def has_rank(products: Floats) -> bool:
    """Whether no covariate (with the constant) is a combination of the others."""
    size = np.sqrt(np.diag(products))
    if not (size > 0).all():
        return False
    return bool(np.linalg.eigvalsh(products / np.outer(size, size))[0] > NO_RANK)


def combinations(products: Floats) -> tuple[int, ...]:
    """Covariates (positions, without the constant) that are combinations of those before them."""
    independent = [0]
    for j in range(1, len(products)):
        if has_rank(products[np.ix_([*independent, j], [*independent, j])]):
            independent.append(j)
    return tuple(j - 1 for j in range(1, len(products)) if j not in independent)


def apart(own: Floats, others: Floats) -> tuple[int, ...]:
    """Covariates whose values [k, m] do not overlap between two groups; if none, the one with the largest gap."""
    disjoint = (own.min(axis=1) > others.max(axis=1)) | (own.max(axis=1) < others.min(axis=1))
    gap = np.abs(own.mean(axis=1) - others.mean(axis=1)) / np.sqrt(own.var(axis=1) + others.var(axis=1) + 1e-300)
    return tuple(np.flatnonzero(disjoint).tolist()) or (int(gap.argmax()),)
