"""Conley and Taber's inference for one to five treated units: controls show how large chance is.

With few treated units the estimate does not settle, however many controls there are, and the
treated units' own variation cannot be seen. But controls have the same weights applied to their
paths, at the treated units' dates: what comes out is what a treated unit would have added by chance.
Right where controls are many (20 or more) and the treated vary as they do; the number of treated
units and of controls is allowed for. Where units differ in size, ``size`` adjusts for that (Ferman
and Pinto 2019).

With few controls the empirical distribution cannot show a rare event: 18 controls give no 95 %
interval for one treated unit. ``noise: normal`` then takes the noise as normal, with t(controls - 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.blocks import Blocks, blocks_of
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count
from scale_impact.core.panel import Panel
from scale_impact.core.targets import Target, levels_matter
from scale_impact.errors import DesignError, EstimationError

Refit = Callable[[Panel, Design], Effect]
Noise = Literal["empirical", "normal"]
Tails = Literal["symmetric", "equal"]


def judge(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    *,
    seed: int = 20251122,
    draws: Count = 9_999,
    noise: Noise = "empirical",
    tails: Tails = "symmetric",
    size: str | None = None,
) -> list[ConleyTaber | None]:
    """Judge estimates by what the controls' paths would have added.

    Parameters
    ----------
    panel, design, refit, effect:
        The data, the design, the estimator and what it found.
    targets:
        The estimates to judge, ``overall`` first (``core.targets.targets_of``).
    seed:
        Of the draws.
    draws:
        Sums of controls drawn in place of the treated units; all of them where they are no more.
    noise:
        ``empirical``: the controls as they are; ``normal``: their variance, with t quantiles.
    tails:
        ``symmetric``: by absolute values; ``equal``: each tail by itself.
    size:
        Column with the size of a unit (inhabitants): noise varies as a + b / size.

    Returns
    -------
    One judgement a target, all from the same draws; None where there is none.

    Raises
    ------
    DesignError
        Fewer than three never-treated units or clusters; clusters hold units of different
        adoption dates; units not observed in each period; a size that is not positive.
    EstimationError
        The estimator is not linear.

    Source: Conley and Taber (2011); Ferman and Pinto (2019).
    """
    design.needs_absorbing()
    if targets[0].loadings is None:
        raise EstimationError(
            f"conley_taber needs an estimator that is linear in the cohorts' means; {effect.estimator} with these options "
            "is not. Use `inference: randomisation`."
        )
    blocks = blocks_of(panel, design, levels=levels_matter(targets))
    controls = _controls(blocks, design)
    sizes = None if size is None else _sizes(panel, design, blocks, size)
    treated = np.flatnonzero(design.starts[blocks.cohort] < design.n_periods)
    picks, every = _picks(len(controls), len(treated), draws, seed)
    how = _How(controls, treated, picks, every, noise, tails, sizes)
    return [_judged(blocks, target, how, seed) for target in targets]


@dataclass(frozen=True, eq=False)
class _How:
    """Which blocks are controls and treated, and which controls stand in for the treated, [B, treated]."""

    controls: NDArray[np.int64]
    treated: NDArray[np.int64]
    picks: NDArray[np.int64]
    every: bool
    noise: Noise
    tails: Tails
    sizes: Floats | None


def _controls(blocks: Blocks, design: Design) -> NDArray[np.int64]:
    """Blocks that are never treated."""
    if (mixed := blocks.mixed()) is not None:
        raise DesignError(f"conley_taber compares whole units or clusters: {mixed}. Use `inference: wild_bootstrap`.")
    found = np.flatnonzero(design.starts[blocks.cohort] == design.n_periods)
    if len(found) < 3:
        raise DesignError(
            f"conley_taber learns from never-treated units how large chance is; here are {len(found)}. "
            "Use `inference: randomisation` or `wild_bootstrap`."
        )
    return found


def _picks(controls: int, treated: int, draws: int, seed: int) -> tuple[NDArray[np.int64], bool]:
    """Controls in place of the treated units: every combination where they are few, else random ones."""
    if treated * math.log(controls) <= math.log(draws) + 1e-9:
        grid = np.indices((controls,) * treated)
        return grid.reshape(treated, -1).T, True
    return np.random.default_rng(seed).integers(0, controls, (draws, treated)), False


def _judged(blocks: Blocks, target: Target, how: _How, seed: int) -> ConleyTaber | None:
    """The noise of one target; None where it is not linear or no treated unit has part in it."""
    if target.loadings is None:
        return None
    controls, treated = how.controls, how.treated
    n = blocks.counts[:, 0]
    paths = blocks.deviations[controls] / n[controls, None]
    added = (target.loadings[blocks.cohort[treated]] * n[treated, None]) @ paths.T  # [treated, controls]
    never = (target.loadings[blocks.cohort[controls]] * n[controls, None]) @ paths.T
    if how.sizes is not None:
        added = _resized(added, how.sizes[treated], how.sizes[controls])
    of_treated, of_controls = added.var(axis=1).sum(), never.var(axis=1).sum()
    if not of_treated > 0:
        return None
    few = len(controls) / (len(controls) - 1)
    factor = math.sqrt((1 + of_controls / of_treated) * few)
    drawn = factor * added[np.arange(len(treated)), how.picks].sum(axis=1)
    spread = float(math.sqrt((of_treated + of_controls) * few))
    return ConleyTaber(target.value, np.sort(drawn), spread, len(controls), how.noise, how.tails, _words(how, seed))


def _words(how: _How, seed: int) -> str:
    m, n = len(how.treated), len(how.controls)
    many = f"all {len(how.picks):,} sums" if how.every else f"{len(how.picks):,} sums, seed {seed}"
    law = f"{many} of their paths" if how.noise == "empirical" else f"normal noise, t({n - 1})"
    resized = "; noise by size (Ferman and Pinto)" if how.sizes is not None else ""
    return f"interval and p-value by Conley and Taber's method for {m} treated: noise from {n} controls, {law}{resized}"


def _sizes(panel: Panel, design: Design, blocks: Blocks, column: str) -> Floats:
    """Size of each block: of its units together."""
    values = panel.unit_column(column)
    if not np.issubdtype(values.dtype, np.number) or not (np.asarray(values, float) > 0).all():
        raise DesignError(f"conley_taber: size {column!r} has to be a number above 0 for each unit.")
    kept = np.flatnonzero((design.cohort_codes >= 0) & (design.starts[design.cohort_codes] > 0))
    if design.cluster_codes is None:
        return np.asarray(values[kept], dtype=float)
    _, at = np.unique(design.cluster_codes[kept], return_inverse=True)
    return np.asarray(np.bincount(at, values[kept].astype(float))[blocks.cluster], dtype=float)


def _resized(added: Floats, treated: Floats, controls: Floats) -> Floats:
    """Controls' noise scaled to the treated units' sizes: variance a + b / size, neither below zero.

    Source: Ferman and Pinto (2019).
    """
    found = np.empty_like(added)
    for i, row in enumerate(added):
        a, b = _variance_by_size(row * row, 1 / controls)
        found[i] = row * np.sqrt((a + b / treated[i]) / (a + b / controls))
    return found


def _variance_by_size(squares: Floats, inverse: Floats) -> tuple[float, float]:
    slope = np.cov(squares, inverse, bias=True)[0, 1] / max(float(inverse.var()), 1e-300)
    base = squares.mean() - slope * inverse.mean()
    if slope < 0:
        return float(squares.mean()), 0.0
    if base < 0:
        return 0.0, float((squares * inverse).sum() / (inverse**2).sum())
    return float(base), float(slope)


@dataclass(frozen=True, eq=False)
class ConleyTaber:
    """The noise of an estimate, as controls show it.

    Attributes
    ----------
    value:
        The estimate.
    noise:
        Draws of its error, sorted.
    spread:
        Standard deviation of its error.
    controls:
        How many controls it was learnt from.
    law, tails:
        As asked.
    words:
        The method, as it stands in results.
    """

    value: float
    noise: Floats
    spread: float
    controls: int
    law: Noise
    tails: Tails
    words: str
    std_error: float | None = None
    df: float | None = None

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect."""
        return self.p_of(0.0)

    def p_of(self, null: float) -> float:
        """Two-sided p-value of a null value."""
        gap = self.value - null
        if self.law == "normal":
            from scipy import special

            return float(2 * special.stdtr(self.controls - 1, -abs(gap) / self.spread))
        slack = 1e-9 * abs(gap)
        if self.tails == "symmetric":
            return self._share(np.abs(self.noise) >= abs(gap) - slack)
        return min(1.0, 2 * min(self._share(self.noise >= gap - slack), self._share(self.noise <= gap + slack)))

    def _share(self, extreme: NDArray[np.bool_]) -> float:
        return (int(np.count_nonzero(extreme)) + 1) / (len(extreme) + 1)

    def interval(self, level: float) -> tuple[float, float] | None:
        """All values that the test does not reject; infinite ends where controls are too few for the level."""
        if self.law == "normal":
            from scipy import special

            half = float(special.stdtrit(self.controls - 1, 0.5 + level / 2)) * self.spread
            return self.value - half, self.value + half
        alpha = 1 - level
        if self.tails == "symmetric":
            reach = _largest(np.sort(np.abs(self.noise)), alpha)
            return self.value - reach, self.value + reach
        return self.value - _largest(self.noise, alpha / 2), self.value + _largest(np.sort(-self.noise), alpha / 2)


def _largest(sorted_noise: Floats, alpha: float) -> float:
    """The largest value whose share of draws at least as large, the data's own counted, is above alpha."""
    n = len(sorted_noise)
    beyond = math.floor(alpha * (n + 1) * (1 + 1e-9))
    return float(sorted_noise[n - beyond]) if beyond > 0 else math.inf
