"""The model behind the wild cluster bootstrap: outcomes without the effect, and the direction of the effect.

Outcomes are what the estimator is indifferent to (effects of units, of periods, of other event
times) plus tau times the pattern of the effect. For an estimator that is least squares itself the
pattern follows from its own weights, and the bootstrap is that of its regression; for any other it
is the treated cells: tau is taken away from the outcomes there and two-way effects are fitted.

Everything is a function of cohort and period, so that the model is fitted to the cohorts' means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.blocks import Blocks
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.targets import Target, effect_patterns

TOLERANCE = 1e-9
"""Share of a sum of absolute weights below which a sum of weights counts as zero."""


@dataclass(frozen=True, eq=False)
class Working:
    """A working model of one target.

    Attributes
    ----------
    basis:
        Functions of cohort and period to which the estimate is indifferent, [R, G, T],
        orthonormal with the cells' counts as weights.
    direction:
        What an effect of 1 adds to the outcomes, [G, T], without what the basis explains.
    residual:
        What the basis leaves of the cohorts' mean paths, [G, T].
    """

    basis: Floats
    direction: Floats
    residual: Floats


def working_models(
    effect: Effect, panel: Panel, design: Design, blocks: Blocks, targets: Sequence[Target]
) -> list[Working]:
    """The working model of each target (with loadings)."""
    made = _Maker(panel, design, blocks)
    span = made.regression_span(effect)
    return [made.of(target, span) for target in targets]


class _Maker:
    """Working models of one panel and design; the basis of unit and period effects is made once."""

    def __init__(self, panel: Panel, design: Design, blocks: Blocks) -> None:
        self.blocks, self.n, self.clock = blocks, blocks.cells, panel.clock - panel.clock.mean()
        self.patterns = (
            effect_patterns(panel, design)[1] if design.treatment is None else np.zeros((0, *self.n.shape), bool)
        )
        self._known: dict[tuple[bool, ...], Floats] = {}

    def of(self, target: Target, span: Floats | None) -> Working:
        assert target.loadings is not None
        fixed = self.fixed(target.loadings)
        if span is not None and _inside(target.loadings, span, self.n):
            basis, direction = _restricted(target.loadings, span, self.n)
            basis = np.concatenate([fixed, basis])
        else:
            nuisance, direction = self.pattern(target)
            basis = np.concatenate([fixed, _orthonormal(nuisance, self.n, fixed)])
        return Working(basis, _rest(direction, basis, self.n), _rest(self.blocks.paths, basis, self.n))

    def pattern(self, target: Target) -> tuple[Floats, Floats]:
        """Effects of other event times, and the cells of the target's own effect."""
        loadings = np.asarray(target.loadings)
        weights = loadings * self.n
        size = float(np.abs(weights).sum())
        own = np.zeros_like(weights) if target.cells is None else target.cells * (self.n > 0)
        if abs(float((weights * own).sum()) - 1) > 1e-6:  # the cells do not say where the effect acts
            return np.zeros((0, *weights.shape)), np.asarray(loadings / (weights * loadings).sum())
        others = (self.patterns & (own == 0)).astype(float)
        indifferent = np.abs((others * weights).sum(axis=(1, 2))) <= TOLERANCE * size
        return others[indifferent & others.any(axis=(1, 2))], own.astype(float)

    def fixed(self, loadings: Floats) -> Floats:
        """Effects of cohorts (units), periods and cohorts' trends, as far as the estimate is indifferent to them."""
        weights = loadings * self.n
        scale = TOLERANCE * max(float(np.abs(weights).sum()), 1e-300)
        cohorts = bool((np.abs(weights.sum(axis=1)) <= scale).all())
        periods = bool((np.abs(weights.sum(axis=0)) <= scale).all())
        far = scale * float(np.abs(self.clock).max())
        trends = cohorts and bool((np.abs(weights @ self.clock) <= far).all())
        if (key := (cohorts, periods, trends)) not in self._known:
            self._known[key] = self._fixed_basis(*key)
        return self._known[key]

    def _fixed_basis(self, cohorts: bool, periods: bool, trends: bool) -> Floats:
        g, t = self.n.shape
        parts = [np.zeros((0, g, t))]
        if cohorts:
            parts.append(np.repeat(np.eye(g)[:, :, None], t, axis=2))
        if periods:
            parts.append(np.repeat(np.eye(t)[:, None], g, axis=1))
        if trends:
            parts.append(np.eye(g)[:, :, None] * self.clock)
        return _orthonormal(np.concatenate(parts), self.n, parts[0])

    def regression_span(self, effect: Effect) -> Floats | None:
        """Basis of the regressors, [P, G, T], where the path is made of least-squares coefficients; else None.

        Coefficients' weights span their regressors. That they are least squares is held against the
        scores: what these say of each cohort's distance from the fit is what least squares leaves.
        """
        family = effect.path
        scores = None if family is None or family.influence is None else family.influence.scores
        if scores is None or not self.blocks.followed or scores.loadings.shape[1:] != self.n.shape:
            return None
        loadings = scores.loadings[scores.loadings.any(axis=(1, 2))]
        if not len(loadings):
            return None
        fixed = self.fixed(loadings.sum(axis=0))
        span = _orthonormal(loadings, self.n, fixed)
        if len(span) < len(loadings):
            return None
        rest = _rest(self.blocks.paths, np.concatenate([fixed, span]), self.n)
        constants = scores.offsets if scores.shares is None else scores.offsets + scores.shares
        gap = np.abs(np.einsum("kgt,gt->kg", scores.loadings, rest) - constants)[:, self.n.any(axis=1)]
        size = np.abs(scores.loadings).sum(axis=2).max() * np.abs(self.blocks.paths).max()
        return span if (gap <= 1e-8 * size).all() else None


def _rest(cells: Floats, basis: Floats, n: Floats) -> Floats:
    """What an orthonormal basis leaves of functions [..., G, T]; twice, for the last digits."""
    flat = basis.reshape(len(basis), n.size)
    rest = cells.reshape(-1, n.size) * (n.ravel() > 0)
    for _ in range(2):
        rest = rest - (rest * n.ravel()) @ flat.T @ flat
    return np.asarray(rest.reshape(cells.shape))


def _orthonormal(x: Floats, n: Floats, against: Floats) -> Floats:
    """Orthonormal basis, counts as weights, of what another one leaves of functions [P, G, T]."""
    flat = _rest(x, against, n).reshape(len(x), n.size)
    norm = np.sqrt((flat * flat) @ n.ravel())
    before = np.sqrt((x.reshape(len(x), n.size) ** 2) @ n.ravel())
    kept = norm > 1e-9 * np.maximum(before, 1e-300)
    flat = flat[kept] / norm[kept, None]
    if not len(flat):
        return np.zeros((0, *n.shape))
    values, vectors = np.linalg.eigh((flat * n.ravel()) @ flat.T)
    real = values > 1e-10
    return np.asarray(((vectors[:, real] / np.sqrt(values[real])).T @ flat).reshape(-1, *n.shape))


def _inside(loadings: Floats, span: Floats, n: Floats) -> bool:
    rest = _rest(loadings, span, n)
    return bool((rest * rest * n).sum() <= 1e-16 * (loadings * loadings * n).sum())


def _restricted(loadings: Floats, span: Floats, n: Floats) -> tuple[Floats, Floats]:
    """The span without the direction of an estimate, and that direction scaled to an effect of 1.

    Restricted least squares moves the fit by loadings * (estimate - tau) / |loadings|^2.
    """
    along = np.einsum("pgt,gt,gt->p", span, n, loadings)
    full = np.linalg.qr(along[:, None], mode="complete")[0]
    return np.tensordot(full[:, 1:].T, span, 1), np.asarray(loadings / (loadings * loadings * n).sum())


# ---- what a wild draw does ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Form:
    """Estimate and scores of wild data as functions of the clusters' multipliers v, null value + d.

    Estimate minus null: (scores - d slope)'v. Score of cluster c:
    v_c (scores - d slope)_c - members_c (pull - d pull_slope) v. All are for a null value of
    estimate + d.

    Attributes
    ----------
    scores, slope:
        Each cluster's score at the estimate, and how it falls with the null value, [C].
    members:
        [C, R]; one column a cohort in a panel.
    pull, pull_slope:
        What fitting the model again takes away, [R, C].
    """

    scores: Floats
    slope: Floats
    members: Floats
    pull: Floats
    pull_slope: Floats

    @property
    def error(self) -> float:
        """Standard error without small-sample factor, which cancels in the bootstrap."""
        return float(np.sqrt(self.scores @ self.scores))


def form_of(blocks: Blocks, target: Target, working: Working) -> Form:
    """The form of one target. Source: MacKinnon, Nielsen and Webb (2023), on cohort means."""
    assert target.loadings is not None
    weights = target.loadings[blocks.cohort]
    residual = working.residual - target.value * working.direction
    inside = blocks.deviations + blocks.counts * residual[blocks.cohort]
    moved = blocks.counts * working.direction[blocks.cohort]
    scores, slope = (blocks.by_cluster((weights * u).sum(axis=1)) for u in (inside, moved))
    seen, seen_slope = (blocks.by_cluster(_along(working.basis, blocks, u)) for u in (inside, moved))
    members, per_basis, along = _members(blocks, target.loadings, working, slope)
    return Form(
        scores, slope, members,
        per_basis @ seen + along[:, None] * scores,
        per_basis @ seen_slope + along[:, None] * slope,
    )  # fmt: skip


def _along(basis: Floats, blocks: Blocks, values: Floats) -> Floats:
    """Products of the basis with each block's values, [R, M]."""
    found = np.empty((len(basis), len(values)))
    for g in np.unique(blocks.cohort):
        rows = blocks.cohort == g
        found[:, rows] = basis[:, g] @ values[rows].T
    return found


def _members(blocks: Blocks, loadings: Floats, working: Working, slope: Floats) -> tuple[Floats, Floats, Floats]:
    """Columns [C, R] over which the pull is spread, their products with the basis, and with the direction."""
    if blocks.followed:
        used: NDArray[np.int64] = np.flatnonzero(loadings.any(axis=1) & blocks.cells.any(axis=1))
        per_basis = np.einsum("gt,rgt->gr", loadings[used], working.basis[:, used])
        along = (loadings[used] * working.direction[used]).sum(axis=1)
        return blocks.members[:, used], per_basis, along
    cells = blocks.counts * loadings[blocks.cohort]
    per_basis = blocks.by_cluster(_along(working.basis, blocks, cells)).T
    return np.eye(blocks.n_clusters), per_basis, slope
