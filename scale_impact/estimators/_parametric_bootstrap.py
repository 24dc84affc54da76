"""Xu's parametric bootstrap: how far off the factors' prediction is where nothing happened.

First donors play treated, one at a time, among donors drawn with replacement: their gaps are errors of prediction. Then whole
panels are drawn in which nothing happened, the fitted paths with such errors for the treated and with residuals for donors,
and estimated again. Errors of a unit stay together over time, so that they may be correlated in it; units are independent.

Source: Xu (2017), algorithm 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from scale_impact.core.effect import Effect, Estimate, Family
from scale_impact.core.panel import elapsed
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.factors import common
from scale_impact.core.synthetic.low_rank import Force
from scale_impact.core.synthetic.pilots import Pilots
from scale_impact.core.synthetic.worlds import Bools, Floats
from scale_impact.errors import DesignError

FEWEST_DRAWS = 100
FEWEST_DONORS = 5


def with_errors(
    effect: Effect, found: Pilots, covariates: Floats, rank: int, force: Force, draws: int, seed: int
) -> Effect:
    """The effect with standard errors of ``overall``, ``path`` and the units.

    Raises
    ------
    DesignError
        Too few donors to learn from how far off predictions are.
    """
    if len(found.outcomes) - found.n_treated < FEWEST_DONORS:
        raise DesignError(
            f"interactive_fixed_effects: the parametric bootstrap learns from donors how far off predictions are, and there are "
            f"{len(found.outcomes) - found.n_treated}; it takes {FEWEST_DONORS}. Leave `bootstrap` out, or use more donors."
        )
    assert effect.counterfactual is not None
    simulated = _Simulation(found, effect.counterfactual, covariates, rank, force, np.random.default_rng(seed))
    gaps = simulated.gaps(draws)
    cells = _cells(effect, found)
    means = {name: _means(gaps, many) for name, many in cells.items()}
    assert effect.path is not None
    return replace(
        effect,
        overall=Estimate(effect.overall.value, float(means["overall"].std(ddof=1))),
        path=_with(effect.path, means["path"]),
        curves={name: _with(family, means[name]) for name, family in effect.curves.items()},
        inference=f"parametric bootstrap, {draws:,} draws",
        judged_by="analytic",
    )


def _with(family: Family, drawn: Floats) -> Family:
    """A family with the covariance of its draws [B, K]."""
    covariance = np.atleast_2d(np.cov(drawn, rowvar=False))
    return replace(
        family, variances=np.diag(covariance).copy(), covariance=covariance, reasons=(None,) * len(family.values)
    )


def _cells(effect: Effect, found: Pilots) -> dict[str, Bools]:
    """Cells [K, U, T] that each number of the effect is the mean of."""
    time = np.arange(found.outcomes.shape[1])
    after = time >= found.starts[:, None]
    since = elapsed(found.panel.clock, time[None], found.starts[:, None])
    assert effect.path is not None
    units = np.eye(found.n_treated, dtype=bool)[:, :, None] & after
    path = np.array([since == e for e in effect.path.event_times])
    return {"overall": after[None], "path": path, **({"units": units} if "units" in effect.curves else {})}


def _means(gaps: Floats, cells: Bools) -> Floats:
    """Mean gaps of draws [B, U, T] over sets of cells [K, U, T], [B, K]."""
    weights = cells / cells.sum(axis=(1, 2), keepdims=True)
    return np.asarray(np.einsum("but,kut->bk", gaps, weights))


class _Simulation:
    """Panels in which nothing happened, estimated again with the same number of factors."""

    def __init__(
        self, found: Pilots, counterfactual: Counterfactual, covariates: Floats, rank: int, force: Force,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        u = found.n_treated
        self.outcomes, self.x = found.outcomes[u:], covariates[:, u:]
        self.expected, self.own = counterfactual.expected, covariates[:, :u]
        self.fits = np.arange(found.outcomes.shape[1]) < found.fitted[:, None]
        self.rank, self.force, self.rng = rank, force, rng

    def gaps(self, draws: int) -> Floats:
        """Gaps of the treated units where there is no effect, [B, U, T]."""
        return np.stack(list(self._drawn(draws)))

    def _drawn(self, draws: int) -> Iterator[Floats]:
        errors = np.stack([self._prediction_error() for _ in range(draws)])
        residuals = self._residuals()
        fitted, (donors, u) = self.outcomes - residuals, (len(self.outcomes), len(self.expected))
        for _ in range(draws):
            controls = fitted + residuals[self.rng.integers(donors, size=donors)]
            treated = self.expected + errors[self.rng.integers(draws, size=u), np.arange(u)]
            yield self._explained(controls, self.x, treated, self.own)

    def _prediction_error(self) -> Floats:
        """Gaps of one donor with the dates of each treated unit, among donors drawn from the others, [U, T]."""
        donors, u = len(self.outcomes), len(self.expected)
        one = int(self.rng.integers(donors))
        others = np.delete(np.arange(donors), one)
        drawn = others[self.rng.integers(donors - 1, size=donors)]
        path, x = np.tile(self.outcomes[one], (u, 1)), np.repeat(self.x[:, [one]], u, axis=1)
        return self._explained(self.outcomes[drawn], self.x[:, drawn], path, x)

    def _explained(self, controls: Floats, x: Floats, paths: Floats, theirs: Floats) -> Floats:
        """Gaps of paths [U, T], each with the periods fitted on of a treated unit."""
        found = common(controls, x, [self.rank], self.force)[0]
        rows = [found.explain(paths[[k]], theirs[:, [k]], fit, self.force)[0][0] for k, fit in enumerate(self.fits)]
        return np.stack(rows)

    def _residuals(self) -> Floats:
        """What is left of the donors' own paths, [J, T]."""
        found = common(self.outcomes, self.x, [self.rank], self.force)[0]
        everywhere = np.ones(self.outcomes.shape[1], dtype=bool)
        return found.explain(self.outcomes, self.x, everywhere, self.force)[0]
