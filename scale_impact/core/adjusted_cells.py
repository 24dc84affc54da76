"""Effects of cohort x period cells with covariates; what averages need of the units is kept as moments.

Covariates make weights differ between units of a cohort, so that cohort means no longer suffice.
But a unit's score stays linear in a few columns that can be made for it once: its adjusted path
and its share in the covariates' slopes (``ImputedWith``), or its residual path and that times each
covariate (``Interacted``). The cohorts' moments of these columns take the place of those of the
outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from scale_impact.core.cell_effects import Bools, Imputed, variances_of
from scale_impact.core.cell_regression import TwoWay
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.unit_columns import UnitColumns, Units
from scale_impact.errors import EstimationError

COLLINEAR = 1e-10
"""Least eigenvalue of correlations with which regressors count as independent."""


# ---- covariates that vary over time --------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ImputedWith:
    """Imputed effects, untreated outcomes depending on covariates beside cohort and period effects.

    Attributes
    ----------
    inner:
        The effects on moments of the outcome less what the covariates explain.
    covariates:
        Mean paths of the C covariates, [C, G, T].
    residuals:
        Of outcome and covariates in untreated cells, without unit and period effects, [n, T] and
        [n, C, T]; 0 in treated cells.
    slopes, bread:
        Coefficients of the covariates [C], and the inverse of their sums of products [C, C].
    columns:
        Each unit's changes of the adjusted outcome [T], and its products of covariates and
        residual [C], and what is appended.
    """

    inner: Imputed
    covariates: Floats
    residuals: tuple[Floats, Floats]
    slopes: Floats
    bread: Floats
    columns: UnitColumns

    @property
    def moments(self) -> Cohorts:
        """Of the adjusted outcome."""
        return self.inner.moments

    @property
    def sums(self) -> Cohorts:
        """Moments that scores are on."""
        return self.columns.moments

    @property
    def values(self) -> Floats:
        """Effects in treated cells, residuals in untreated ones, [G, T]."""
        return self.inner.values

    @property
    def estimated(self) -> Bools:
        """Treated (or anticipating) cells whose cohort and period effects are known, [G, T]."""
        return self.inner.estimated

    @property
    def reference(self) -> Bools:
        """None."""
        return self.inner.reference

    @property
    def used(self) -> Bools:
        """Untreated cells and those with an effect, [G, T]."""
        return self.inner.used

    @property
    def alone(self) -> Bools:
        """Effects of one unit, or in a period with one untreated unit."""
        return self.inner.alone

    @property
    def coefficients(self) -> int:
        """Coefficients of the regression that gives the same: effects and slopes."""
        return self.inner.coefficients + len(self.slopes)

    @property
    def effects(self) -> TwoWay:
        """Cohort and period effects of the untreated cells."""
        return self.inner.effects

    def weights(self, targets: Floats) -> Floats | None:
        """None: units of a cohort differ in their weights."""
        return None

    def scores(self, targets: Floats) -> Scores:
        """Scores; through the slopes each untreated observation counts for all effects."""
        inner = self.inner.scores(targets)
        moved = np.einsum("kgt,cgt->kc", self.inner.weights(targets), self.covariates) @ self.bread
        k, g, t = inner.loadings.shape
        loadings = np.zeros((k, g, self.columns.values.shape[1]))
        loadings[:, :, :t] = inner.loadings
        loadings[:, :, t : t + len(self.slopes)] = -moved[:, None, :]
        means = self.columns.means[:, t : t + len(self.slopes)]
        return Scores(loadings, inner.offsets - moved @ means.T)

    def variances(self) -> Floats:
        """Variance of each cell's effect, [G, T]."""
        return variances_of(self)

    def regress(self, regressors: Floats) -> tuple[Floats, Floats]:
        """Coefficients of regressors [P, G, T] in untreated cells beside the covariates, and units' scores [n, P]."""
        codes, (y, x) = self.columns.units.codes, self.residuals
        d = self.effects.residual(regressors)
        both = np.concatenate([d[:, codes].transpose(1, 0, 2), x], axis=1)
        bread = _inverse(np.einsum("npt,nqt->pq", both, both, optimize=True), "Covariates and event times")
        coefficients = bread @ np.einsum("npt,nt->p", both, y, optimize=True)
        rest = y - np.einsum("p,npt->nt", coefficients, both, optimize=True)
        scores = np.einsum("npt,nt->np", both, rest, optimize=True) @ bread
        return coefficients[: len(d)], scores[:, : len(d)]

    def appended(self, scores: Floats) -> ImputedWith:
        """The same with further columns, [n, P]."""
        values = np.concatenate([self.columns.values, scores], axis=1)
        return replace(self, columns=replace(self.columns, values=values))

    def appendix(self, n: int) -> Scores:
        """Scores that are the last ``n`` columns themselves."""
        g, c = self.columns.means.shape
        return self.columns.scores(np.repeat(np.eye(c)[c - n :, None], g, axis=1))


def imputed_with(cells: Imputed, units: Units, y: Floats, x: Floats, names: Sequence[str]) -> ImputedWith:
    """Imputed effects with covariates; ``y`` is [n, T], ``x`` [n, C, T], rows as in ``units``.

    Raises
    ------
    EstimationError
        A covariate that effects, or other covariates, explain in the untreated observations.

    Source: Borusyak, Jaravel and Spiess (2024), section 4.1; Gardner (2022), section 3.
    """
    y, x = y - y[:, :1], x - x[:, :, :1]
    rest_y = _without_effects(cells, units, y[:, None])[:, 0]
    rest_x = _without_effects(cells, units, x)
    _refuse_explained(x, rest_x, names)
    bread = _inverse(np.einsum("nct,ndt->cd", rest_x, rest_x, optimize=True), f"Covariates {', '.join(names)}")
    slopes = bread @ np.einsum("nct,nt->c", rest_x, rest_y, optimize=True)
    left = rest_y - np.einsum("c,nct->nt", slopes, rest_x, optimize=True)
    adjusted = y - np.einsum("c,nct->nt", slopes, x, optimize=True)
    columns = UnitColumns(
        units, np.concatenate([adjusted, np.einsum("nct,nt->nc", rest_x, left, optimize=True)], axis=1)
    )
    t, means = y.shape[1], columns.means
    inner = replace(cells, moments=replace(cells.moments, centres=means[:, :t]))
    covariates = units.means(x).transpose(1, 0, 2)
    return ImputedWith(inner, covariates, (rest_y, rest_x), slopes, bread, columns)


def _without_effects(cells: Imputed, units: Units, x: Floats) -> Floats:
    """``x`` [n, C, T] without unit and period effects of the untreated cells; 0 in treated ones."""
    on = (cells.effects.counts > 0)[units.codes][:, None, :]
    mean = (x * on).sum(axis=2, keepdims=True) / np.maximum(on.sum(axis=2, keepdims=True), 1)
    paths = units.means(x).transpose(1, 0, 2)
    common = (cells.effects.fitted(paths) - _cohort_means(cells.effects, paths)[:, :, None])[:, units.codes]
    return np.asarray((x - mean - common.transpose(1, 0, 2)) * on)


def _cohort_means(effects: TwoWay, paths: Floats) -> Floats:
    """Means over the cells used of paths [C, G, T], [C, G]."""
    return np.asarray((paths * effects.share).sum(axis=2))


def _refuse_explained(x: Floats, rest: Floats, names: Sequence[str]) -> None:
    """Name covariates that do not vary beyond unit and period effects where nobody is treated."""
    size, left = (np.sqrt((v**2).sum(axis=(0, 2))) for v in (x, rest))
    fixed = [n for n, whole, part in zip(names, size, left, strict=True) if part <= 1e-9 * max(whole, 1e-300)]
    if fixed:
        raise EstimationError(
            f"Covariate {', '.join(fixed)} does not vary beyond unit and period effects in the untreated observations, so it has "
            "no coefficient. Leave it out; to compare like with like on a fixed trait use etwfe or callaway_santanna with it."
        )


def _inverse(gram: Floats, what: str) -> Floats:
    """Inverse of sums of products, refused where they are collinear."""
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    correlation = gram / np.outer(scale, scale)
    if len(gram) and np.linalg.eigvalsh(correlation)[0] < COLLINEAR:
        raise EstimationError(
            f"{what} are combinations of each other in the untreated observations. Leave some covariates out."
        )
    return np.asarray(np.linalg.inv(correlation) / np.outer(scale, scale))


# ---- covariates that do not vary over time -------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Interacted:
    """Effects where untreated changes and effects depend linearly on fixed covariates.

    Least squares with unit effects, period effects, period times covariate, a dummy for each cell
    with an effect, and that times the covariates less their cohort means.

    Attributes
    ----------
    moments:
        Of the outcome.
    untreated:
        Cells without a dummy, [G, T].
    reference:
        Those of them that are a reference period, [G, T].
    values:
        Effects at the cohorts' mean covariates, [G, T]; 0 where there is none.
    means:
        Mean of each cohort's covariates, a constant first, [G, Q].
    inverse:
        Inverse normal equations of the period effects and slopes, [T Q, T Q].
    columns:
        Each unit's residual path, and that times each covariate, [Q T].

    Source: Wooldridge (2025), on staggered adoption with covariates.
    """

    moments: Cohorts
    untreated: Bools
    reference: Bools
    values: Floats
    means: Floats
    inverse: Floats
    columns: UnitColumns

    @cached_property
    def effects(self) -> TwoWay:
        """Which cohorts and periods the untreated cells link."""
        return TwoWay(self.moments.counts * self.untreated)

    @property
    def sums(self) -> Cohorts:
        """Moments that scores are on."""
        return self.columns.moments

    @cached_property
    def estimated(self) -> Bools:
        """Cells with a dummy whose cohort and period effects are known, [G, T]."""
        return np.asarray(~self.untreated & self.effects.linked)

    @cached_property
    def used(self) -> Bools:
        """Untreated cells and those with an effect, [G, T]."""
        return self.estimated | (self.effects.counts > 0)

    @cached_property
    def alone(self) -> Bools:
        """None: too small cohorts are refused."""
        return np.zeros_like(self.untreated)

    @property
    def coefficients(self) -> int:
        """Coefficients beside the effects of units and periods."""
        q, periods = int(self.means.shape[1]), int((self.effects.periods > 0).sum())
        return int(self.estimated.sum()) * q + (periods - 1) * (q - 1)

    def weights(self, targets: Floats) -> Floats | None:
        """None: units of a cohort differ in their weights."""
        return None

    def scores(self, targets: Floats) -> Scores:
        """Scores of sums of effects with weights ``targets`` [K, G, T]."""
        share, on = self.effects.share, self.effects.counts > 0
        (k, g, t), q = targets.shape, self.means.shape[1]
        own = targets - targets.sum(axis=2, keepdims=True) * share
        moved = np.einsum("kgt,gq->ktq", own, self.means, optimize=True).reshape(k, -1) @ self.inverse
        slopes = moved.reshape(k, 1, t, q)
        slopes = (slopes - np.einsum("gt,katq->kgaq", share, slopes, optimize=True)) * on[:, :, None]
        loadings = -slopes.transpose(0, 1, 3, 2)
        loadings[:, :, 0] += own / self.moments.units[:, None]
        return self.columns.scores(loadings.reshape(k, g, q * t))

    def variances(self) -> Floats:
        """Variance of each cell's effect, [G, T]."""
        return variances_of(self)


def interacted(
    moments: Cohorts, untreated: Bools, reference: Bools, units: Units, y: Floats, x: Floats, names: Sequence[str]
) -> Interacted:
    """Effects with fixed covariates; ``y`` is [n, T], ``x`` [n, C], rows as in ``units``.

    Raises
    ------
    EstimationError
        Covariates that are collinear among the untreated units of a period; a cohort or period
        with too few units for them.
    """
    y = y - y[:, :1]
    spread = x.std(axis=0)
    z = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)])
    effects = TwoWay(moments.counts * untreated)
    inverse = _period_inverse(effects, units, z, names)
    share, means = effects.share, units.means(z)
    t, q = y.shape[1], z.shape[1]
    total = np.einsum("nq,nt->nqt", z, y)
    sums = units.means(total) * moments.units[:, None, None] * (effects.counts > 0)[:, None, :]
    sums -= np.einsum("gqt,gs->gqs", sums, share, optimize=True)
    slopes = (sums.sum(axis=0).T.ravel() @ inverse).reshape(t, q)
    left = y - z @ slopes.T
    values, residual = _cells_of(units, z, left, share, effects.counts > 0)
    columns = np.concatenate([residual * z[:, [j]] for j in range(q)], axis=1)
    found = Interacted(moments, untreated, reference, values, means, inverse, UnitColumns(units, columns))
    return replace(found, values=np.where(found.estimated, values, 0.0))


def _period_inverse(effects: TwoWay, units: Units, z: Floats, names: Sequence[str]) -> Floats:
    """Inverse normal equations of period effects and slopes, unit effects taken out, [T Q, T Q]."""
    t, q = effects.counts.shape[1], z.shape[1]
    products = units.means(np.einsum("nq,nr->nqr", z, z)) * np.array([len(m) for m in units.members])[:, None, None]
    on = (effects.counts > 0).astype(float)
    within = on[:, :, None] * np.eye(t) - on[:, :, None] * effects.share[:, None, :]
    normal = np.einsum("gts,gqr->tqsr", within, products, optimize=True)
    _, part = effects.parts
    same = ((part[:, None] == part) & (part >= 0)) / max(int((part >= 0).sum()), 1)
    normal += np.einsum("ts,qr->tqsr", same, products.sum(axis=0))
    normal += np.einsum("ts,qr->tqsr", np.diag((part < 0).astype(float)), np.eye(q))
    return _inverse(normal.reshape(t * q, t * q), f"Covariates {', '.join(names)}")


def _cells_of(units: Units, z: Floats, left: Floats, share: Floats, on: Bools) -> tuple[Floats, Floats]:
    """Effects at mean covariates [G, T], and residuals [n, T] up to a constant of each unit."""
    values, residual, start = np.zeros(on.shape), np.empty_like(left), 0
    for g, members in enumerate(units.members):
        rows = slice(start, start + len(members))
        fit = np.linalg.lstsq(z[rows], left[rows], rcond=None)[0]  # [Q, T]
        beyond = fit - (fit @ share[g])[:, None]
        values[g] = z[rows].mean(axis=0) @ beyond
        residual[rows] = left[rows] - z[rows] @ fit + z[rows] @ (beyond * on[g])
        start += len(members)
    return values, residual
