"""Changes of a cohort against changes of controls that are like it in covariates, for cross-sections.

Other people are seen before and after, so there are four regressions in place of one: of the cohort
and of its controls, before and after. q is one of the two periods and s_q its sign (+1 after, -1
before), r a residual from a regression, p the propensity, v = w p / (1 - p):

    score of a treated observation    s_q w r (1 / n_q + x' a_q) + w (x - mean x)' b / n - w (1 - p) x' Q
    score of a control                s_q (r w x' u_q - v (r - mean_q) / s_q) + w p x' Q

Source: Sant'Anna and Zhao (2020), equation 3.4 (``dr``: locally efficient) and section 2; as R's
``DRDID``: ``drdid_rc``, ``std_ipw_did_rc``, ``reg_did_rc``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from scale_impact.core.doubly_robust import Bools, Floats, Ints, Method, Refused, apart, combinations, has_rank, odds
from scale_impact.core.propensity import BLOCK, Groups, fit_models, probabilities
from scale_impact.core.unit_scores import Block

Convention = Literal["DRDID", "corrected"]
"""Scores of ``dr``: as they follow from the estimator, or as in R's ``DRDID`` up to 1.2.3 (the version of the reference).

That version adds the two parts that the controls' regressions contribute where it has to subtract
the one before treatment, as csdid 0.4.3 does. Estimates are the same.
"""

SIGNS = (-1.0, 1.0)
"""Before, after."""


@dataclass(frozen=True, eq=False)
class Sections:
    """n observations in G cohorts and T periods.

    Attributes
    ----------
    outcomes:
        [n], measured from a level that is common to all.
    cells:
        Positions of the observations of each cohort and period.
    traits:
        Covariates, a constant first, numbers near 1, [k, n].
    weights:
        [n]; None: all 1.
    """

    outcomes: Floats
    cells: tuple[tuple[Ints, ...], ...]
    traits: Floats
    weights: Floats | None

    def weight(self, rows: Ints) -> Floats | None:
        """Weights of some observations."""
        return None if self.weights is None else self.weights[rows]

    @cached_property
    def counts(self) -> Ints:
        """Observations by cohort and period, [G, T]."""
        return np.array([[len(rows) for rows in periods] for periods in self.cells])

    @cached_property
    def products(self) -> tuple[Floats, Floats]:
        """Sums of covariates times covariates [G, T, k, k], and times outcomes [G, T, k]."""
        found = [[self._products(rows) for rows in periods] for periods in self.cells]
        return np.array([[a for a, _ in row] for row in found]), np.array([[b for _, b in row] for row in found])

    def _products(self, rows: Ints) -> tuple[Floats, Floats]:
        x, w = self.traits[:, rows], self.weight(rows)
        weighted = x if w is None else x * w
        return weighted @ x.T, weighted @ self.outcomes[rows]


@dataclass(frozen=True)
class Section:
    """One cell: a cohort against controls [G] in a period (after) and its base (before)."""

    cohort: int
    controls: Bools
    cell: int
    period: int
    base: int

    @property
    def cells(self) -> Ints:
        """Its position, as an array."""
        return np.array([self.cell])

    @property
    def when(self) -> tuple[int, int]:
        """Before, after."""
        return self.base, self.period


@dataclass(frozen=True)
class FittedSection:
    """A cell with its models; arrays of length 2 have before, then after.

    Attributes
    ----------
    section:
        What is compared.
    value:
        The effect.
    logit:
        Coefficients of the propensity model, [k]; None under ``reg``.
    pull:
        Q: by how much a score of the propensity model moves the effect, [k].
    own, own_lift, own_size:
        Of the cohort: coefficients [2, k], a_q [2, k] and n_q [2].
    mix, mean:
        b / n [k] and the mean covariates [k] of the cohort over both periods.
    others, lift, others_mean, others_sum:
        Of the controls: coefficients [2, k], u_q [2, k], mean_q [2] and s_q [2].
    """

    section: Section
    value: float
    logit: Floats | None
    pull: Floats
    own: Floats
    own_lift: Floats
    own_size: Floats
    mix: Floats
    mean: Floats
    others: Floats
    lift: Floats
    others_mean: Floats
    others_sum: Floats

    def scores(self, x: Floats, w: Floats | None, y: Floats, q: int, treated: bool) -> Floats:
        """What observations add to the error of the effect, [m]; ``x`` [k, m], ``w`` and ``y`` [m]."""
        found = self._of_treated(x, y, q) if treated else self._of_controls(x, y, q)
        return found if w is None else found * w

    def _of_treated(self, x: Floats, y: Floats, q: int) -> Floats:
        found = SIGNS[q] * (y - self.own[q] @ x) * (1 / self.own_size[q] + self.own_lift[q] @ x)
        found += self.mix @ x - self.mix @ self.mean
        if self.logit is not None:
            found -= (1 - probabilities(self.logit @ x)) * (self.pull @ x)
        return np.asarray(found)

    def _of_controls(self, x: Floats, y: Floats, q: int) -> Floats:
        residuals = y - self.others[q] @ x
        found = SIGNS[q] * residuals * (self.lift[q] @ x)
        if self.logit is None:
            return np.asarray(found)
        p = probabilities(self.logit @ x)
        found -= SIGNS[q] * odds(p) / self.others_sum[q] * (residuals - self.others_mean[q])
        return np.asarray(found + p * (self.pull @ x))


def score_blocks(data: Sections, fits: Sequence[FittedSection]) -> Iterator[Block]:
    """What observations add to the error of all effects, some of one cohort and period at a time."""
    for g, periods in enumerate(data.cells):
        for t, members in enumerate(periods):
            own = [f for f in fits if t in f.section.when and (g == f.section.cohort or f.section.controls[g])]
            columns = np.array([f.section.cell for f in own], dtype=int)
            for start in range(0, len(members), BLOCK):
                rows = members[start : start + BLOCK]
                x, w, y = data.traits[:, rows], data.weight(rows), data.outcomes[rows]
                scores = [f.scores(x, w, y, f.section.when.index(t), g == f.section.cohort) for f in own]
                yield Block(g, rows, columns, np.array(scores).reshape(len(own), len(rows)))


def fitted_sections(
    data: Sections, sections: Sequence[Section], method: Method, convention: Convention = "corrected"
) -> tuple[list[FittedSection], list[Refused]]:
    """Fit all cells; those that cannot be fitted are given back with the trouble."""
    found: list[FittedSection] = []
    refused: list[Refused] = []
    pairs: dict[tuple[int, int], list[Section]] = {}
    for section in sections:
        pairs.setdefault((min(section.when), max(section.when)), []).append(section)
    for pair, own in pairs.items():
        good, bad = _Fit(data, pair, method, convention).all(own)
        found += good
        refused += bad
    return found, refused


@dataclass(frozen=True, eq=False)
class _Fit:
    """The cells that compare the same two periods."""

    data: Sections
    pair: tuple[int, int]
    method: Method
    convention: Convention

    def all(self, sections: list[Section]) -> tuple[list[FittedSection], list[Refused]]:
        """Those that can be fitted, and those that cannot."""
        refused = [r for s in sections if (r := self._trouble(s)) is not None]
        bad = {id(r.comparison) for r in refused}
        good = [s for s in sections if id(s) not in bad]
        if not good:
            return [], refused
        if self.method == "reg":
            return [self._solved(s, None, None) for s in good], refused
        cohorts, controls = np.array([s.cohort for s in good]), np.array([s.controls for s in good])
        models = fit_models(self.groups, self.groups.moments(), cohorts, controls)
        troubles = list(enumerate(models.troubles()))
        refused += [Refused(good[p], t, self._apart(good[p])) for p, t in troubles if t is not None]
        fits = [self._solved(good[p], models.coefficients[p], models.inverse(p)) for p, t in troubles if t is None]
        return fits, refused

    @cached_property
    def groups(self) -> Groups:
        """Covariates and weights of the two periods, by cohort."""
        rows = [np.concatenate([periods[t] for t in self.pair]) for periods in self.data.cells]
        return Groups([self.data.traits[:, r] for r in rows], [self.data.weight(r) for r in rows])

    def _trouble(self, section: Section) -> Refused | None:
        k = len(self.data.traits)
        counts, products = self.data.counts[:, section.when], self.data.products[0][:, section.when]
        own = counts[section.cohort]
        if (self.method == "dr" and own.min() < k) or (self.method == "ipw" and own.sum() < k - 1):
            return Refused(section, "small")
        others = counts[section.controls].sum(axis=0)
        if others.min() < k:
            return Refused(section, "few_controls")
        sides = [products[section.controls].sum(axis=0)] if self.method != "ipw" else []
        sides += [products[section.cohort]] if self.method == "dr" else []
        every = [side[q] for side in sides for q in (0, 1)] or [products[self._cohorts(section)].sum(axis=(0, 1))]
        bad = [p for p in every if not has_rank(p)]
        return Refused(section, "collinear", combinations(bad[0])) if bad else None

    def _cohorts(self, section: Section) -> Bools:
        found = section.controls.copy()
        found[section.cohort] = True
        return found

    def _apart(self, section: Section) -> tuple[int, ...]:
        x = self.groups.covariates
        others = np.concatenate([x[int(h)] for h in np.flatnonzero(section.controls)], axis=1)
        return apart(x[section.cohort][1:], others[1:])

    def _solved(self, section: Section, logit: Floats | None, inverse: Floats | None) -> FittedSection:
        """Everything of one cell; ``inverse`` is of the propensity model's information."""
        xx, xy = (p[:, section.when] for p in self.data.products)
        own, size, means = self._own(xx[section.cohort], xy[section.cohort])
        mean = xx[section.cohort].sum(axis=0)[0] / size.sum()
        others, bread = self._others(xx[section.controls].sum(axis=0), xy[section.controls].sum(axis=0))
        odd = self._weighted(section, others, logit)
        away = odd.means - mean
        if self.convention == "DRDID" and self.method == "dr":
            away[0] = 2 * means[0] - mean - odd.means[0]  # its sign before treatment, all else as it should be
        lift = np.einsum("qjk,qk->qj", bread, away)
        pull = np.zeros(len(mean)) if inverse is None else inverse @ (odd.moved[1] - odd.moved[0])
        change = np.array(SIGNS)
        level = np.einsum("qk,qk->q", means, own - others)
        moved = mean - means  # from one period's mean covariates to those of both
        if self.method == "dr":
            mix, own_lift = change @ (own - others), np.einsum("qjk,qk->qj", np.linalg.inv(xx[section.cohort]), moved)
            level = level + np.einsum("qk,qk->q", moved, own - others)
        else:
            mix, own_lift = -(change @ others), np.zeros_like(own)
            level = level - np.einsum("qk,qk->q", moved, others)
        return FittedSection(
            section, float(change @ (level - odd.residuals)), logit, pull, own, own_lift, size, mix / size.sum(), mean,
            others, lift, odd.residuals, odd.sums,
        )  # fmt: skip

    def _own(self, xx: Floats, xy: Floats) -> tuple[Floats, Floats, Floats]:
        """The cohort's coefficients [2, k] (its mean alone but for ``dr``), sizes [2] and mean covariates [2, k]."""
        size = xx[:, 0, 0]
        if self.method == "dr":
            return np.asarray(np.linalg.solve(xx, xy[..., None])[..., 0], dtype=float), size, xx[:, 0] / size[:, None]
        flat = np.zeros_like(xy)
        flat[:, 0] = xy[:, 0] / size
        return flat, size, xx[:, 0] / size[:, None]

    def _others(self, xx: Floats, xy: Floats) -> tuple[Floats, Floats]:
        """The controls' coefficients [2, k] and inverse products [2, k, k]; zero under ``ipw``."""
        if self.method == "ipw":
            return np.zeros_like(xy), np.zeros_like(xx)
        bread = np.linalg.inv(xx)
        return np.asarray(np.einsum("qjk,qk->qj", bread, xy)), np.asarray(bread, dtype=float)

    def _weighted(self, section: Section, others: Floats, logit: Floats | None) -> _Weighted:
        """Sums over controls by their odds."""
        k = len(self.data.traits)
        if logit is None:
            return _Weighted(np.ones(2), np.zeros((2, k)), np.zeros(2), np.zeros((2, k)))
        parts = []
        for q, t in enumerate(section.when):
            rows = np.concatenate([self.data.cells[h][t] for h in np.flatnonzero(section.controls)])
            x, w = self.data.traits[:, rows], self.data.weight(rows)
            v = odds(probabilities(logit @ x))
            v = v if w is None else v * w
            residuals = self.data.outcomes[rows] - others[q] @ x
            s, middle = v.sum(), v @ residuals / v.sum()
            parts.append((s, x @ v / s, middle, x @ (v * (residuals - middle)) / s))
        return _Weighted(*(np.array(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Weighted:
    """Controls by their odds, before and after: sums [2], mean covariates [2, k], mean residuals [2], moments of them [2, k]."""

    sums: Floats
    means: Floats
    residuals: Floats
    moved: Floats
