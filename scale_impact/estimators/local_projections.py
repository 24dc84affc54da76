"""Local projections difference-in-differences of Dube, Girardi, Jorda and Taylor (2023).

For each horizon one regression: the change of the outcome from the period before a date to so
many periods after it, on starting treatment at that date, with an effect of each date, over the
units that start and *clean controls*, which are not treated at the horizon's end yet. Right for
several adoption dates and effects that differ by cohort and grow, where trends would have been
parallel without treatment.

Least squares weights the cohorts by how precisely each is compared (all weights are positive);
``weights: equal`` gives each treated unit the same weight, which is Callaway and Sant'Anna's
estimate with not-yet-treated controls and a universal base period.

Standard errors are clustered by unit (or the design's cluster) with fixest's default
small-sample correction in each horizon's regression, t distribution with G - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import REFERENCE, Analysis
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family
from scale_impact.core.fixed_effects import SmallSample
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import plain, some
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._regression import needs_panel

Weights = Literal["variance", "equal"]
Base = Literal["first_lag", "premean"]

Bools = NDArray[np.bool_]
Positions = NDArray[np.int64]

ALONE = "no standard error: one treated or one control unit reaches this horizon, whose own variation cannot be seen"


def fit(
    panel: Panel,
    design: Design,
    *,
    weights: Weights = "variance",
    base: Base = "first_lag",
    window: Sequence[float] | None = None,
) -> Effect:
    """Effects by horizon, one regression each.

    Parameters
    ----------
    panel, design:
        A balanced panel. ``control: never`` takes never-treated units as clean controls,
        ``not_yet`` also those treated after the horizon; ``anticipation`` moves the base period.
    weights:
        ``variance`` (least squares) or ``equal`` (each treated unit counts the same).
    base:
        What outcomes are compared with: ``first_lag``, the last period before (anticipated)
        treatment, or ``premean``, the mean of all periods up to it.
    window:
        First and last horizon, such as [-3, 4]; None: all that the panel has.

    Returns
    -------
    Effect in the outcome's unit. ``overall`` is the mean of the horizons from 0 on, by their
    numbers of treated units; with a window it is the pooled regression of the mean outcome over
    the window. ``summaries`` has ``horizons``, ``pooled_post`` and ``pooled_pre``; without a
    window these pool the horizons that every cohort has.

    Raises
    ------
    DesignError
        Cross-sections; no cohort with a base period and clean controls; a window without 0.

    Source: Dube, Girardi, Jorda and Taylor (2023), sections 3.1 (variance), 3.3 (equal) and 3.5
    (pooled, premean).
    """
    _check(weights=weights, base=base)
    needs_panel("local_projections", design)
    projections = Projections(Analysis.of(panel, design), weights == "equal", base == "premean")
    horizons = _horizons(projections, window)
    fits = [projections.at_horizon(e) for e in horizons]
    made = {"horizons": _averaged(horizons, fits)} | _pooled(projections, horizons, window)
    top = made["horizons" if window is None else "pooled_post"]
    analysis = projections.analysis
    return Effect(
        estimator="local_projections",
        overall=_estimate(projections, top),
        sample=projections.sample(),
        inference=f"clustered by {analysis.clustered_by}, CR1 in each horizon's regression",
        path=_path(projections, horizons, fits),
        weights=analysis.weight_frame(top.weights),
        summaries={name: _estimate(projections, p) for name, p in made.items()},
        influence=analysis.influence(_scores([top])),
        notes=(*analysis.notes(), *_notes(projections, horizons, fits, top)),
    )


def _check(**given: Any) -> None:
    allowed = {"weights": get_args(Weights), "base": get_args(Base)}
    problems = [
        f"{name} is {value!r}; it has to be one of {', '.join(allowed[name])}."
        for name, value in given.items()
        if value not in allowed[name]
    ]
    if problems:
        raise UsageError(problems)


# ---- one regression ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Projection:
    """One regression on cohort means.

    Attributes
    ----------
    value:
        The coefficient of starting treatment.
    loadings, offsets:
        Its score, [G, T] and [G], times the square root of the small-sample factor.
    weights:
        On the cohorts' mean paths, [G, T].
    treated, controls:
        Numbers of treated units that are compared, and of different control units.
    lone:
        How many of the treated are alone at their date.
    clusters:
        Clusters in the regression.
    """

    value: float
    loadings: Floats
    offsets: Floats
    weights: Floats
    treated: float
    controls: float
    lone: float
    clusters: int

    @property
    def reference(self) -> bool:
        """Whether a period is compared with itself."""
        return not self.weights.any()


@dataclass(frozen=True, eq=False)
class Projections:
    """What is common to all horizons."""

    analysis: Analysis
    equal: bool
    premean: bool

    @property
    def moments(self) -> Cohorts:
        """Of the cohorts that enter."""
        return self.analysis.moments

    @cached_property
    def dates(self) -> Positions:
        """Periods at which treatment could start and that have a base period."""
        return np.arange(1 + self.analysis.design.anticipation, self.moments.n_periods)

    @cached_property
    def since(self) -> Floats:
        """Time from each date to each period, [D, T]."""
        return np.asarray(elapsed(self.moments.clock, np.arange(self.moments.n_periods)[None, :], self.dates[:, None]))

    @cached_property
    def baseline(self) -> Floats:
        """Weights over periods of what each date's outcomes are compared with, [D, T]."""
        last = self.dates[:, None] - 1 - self.analysis.design.anticipation
        periods = np.arange(self.moments.n_periods)
        return np.asarray((periods <= last) / (last + 1) if self.premean else (periods == last).astype(float))

    @cached_property
    def starting(self) -> Bools:
        """Which cohort starts at each date, [D, G]."""
        return np.asarray(self.moments.starts == self.dates[:, None])

    def clean(self, latest: Positions) -> Bools:
        """Clean controls of each date up to a period, [D, G]."""
        never = self.moments.starts == self.moments.n_periods
        if self.analysis.design.control == "never":
            return np.tile(never, (len(self.dates), 1))
        later = self.moments.starts > np.maximum(latest, self.dates)[:, None] + self.analysis.design.anticipation
        return np.asarray(never | later)

    def at_horizon(self, horizon: float) -> Projection:
        """The regression of one horizon."""
        return self._regress(self.since == horizon)

    def pooled_post(self, last: float) -> Projection:
        """The regression of the mean outcome over horizons 0 to ``last``, of dates that have them all."""
        return self._regress((self.since >= 0) & (self.since <= last) & (self.since[:, -1:] >= last))

    def pooled_pre(self, first: float) -> Projection:
        """The regression of the mean outcome from horizon ``first`` to the one before the last period before treatment."""
        last = self.dates[:, None] - 1 - self.analysis.design.anticipation
        before = np.arange(self.moments.n_periods) < last
        return self._regress((self.since >= first) & before & (self.since[:, :1] <= first))

    def _regress(self, inside: Bools) -> Projection:
        """The regression of the mean outcome over the periods ``inside`` [D, T].

        Each date compares its starting cohort with its clean controls; least squares with an
        effect of each date weights the dates by n1 n0 / (n1 + n0), and equal weights by n1.

        Source: Dube, Girardi, Jorda and Taylor (2023), equations 7, 10 and 12.
        """
        periods = np.arange(self.moments.n_periods)
        seen = np.asarray(inside.any(axis=1))
        latest = np.where(inside, periods, 0).max(axis=1)
        treated, control = self.starting & seen[:, None], self.clean(latest) & seen[:, None]
        n1, n0 = treated @ self.moments.units, control @ self.moments.units
        both = (n1 > 0) & (n0 > 0)
        in_sample = both if self.equal else n1 + n0 > 0
        share = n1 / np.maximum(n1 + n0, 1)
        each = (1 / np.maximum(1 - share, 1e-300) if self.equal else np.ones_like(n1)) * both
        total = float((each * n1 * (1 - share)).sum())
        slope = each[:, None] * (treated - share[:, None] * (treated | control)) / (total or 1.0)
        contrast = (inside / np.maximum(inside.sum(axis=1, keepdims=True), 1) - self.baseline) * seen[:, None]
        loadings = slope.T @ contrast
        weights = loadings * self.moments.units[:, None]
        value = float((weights * self.moments.paths).sum())
        entering = (treated | control) & in_sample[:, None]
        factor = self._factor(entering)
        residual = self._residuals(contrast, treated, control, share, value)
        return Projection(
            value,
            loadings * factor,
            (slope * residual).sum(axis=0) * factor,
            weights,
            float(n1[both].sum()),
            float(self.moments.units[(control & both[:, None]).any(axis=0)].sum()),
            float(n1[both & ((n1 == 1) | (n0 == 1))].sum()),
            self._clusters(entering),
        )

    def _residuals(self, contrast: Floats, treated: Bools, control: Bools, share: Floats, value: float) -> Floats:
        """Residuals of the cohorts' mean changes at each date, [D, G]."""
        change = contrast @ self.moments.paths.T
        n = self.moments.units * (treated | control)
        middle = (n * change).sum(axis=1) / np.maximum(n.sum(axis=1), 1)
        return np.asarray(change - middle[:, None] - value * (treated - share[:, None]))

    def _factor(self, entering: Bools) -> float:
        """Square root of fixest's small-sample factor; the effects of dates are not nested in clusters."""
        n = int((entering @ self.moments.units).sum())
        dates = int(entering.any(axis=1).sum())
        return float(np.sqrt(SmallSample().factor(n, 1, 0, dates, self._clusters(entering))))

    def _clusters(self, entering: Bools) -> int:
        cohorts = entering.any(axis=0)
        if self.moments.clusters is None:
            return int(self.moments.units[cohorts].sum())
        return self.moments.clusters.n_touching(np.asarray(cohorts))

    def compared(self) -> Bools:
        """Cohorts x periods, [G, T], that have a base period and clean controls."""
        found = np.zeros(self.moments.counts.shape, dtype=bool)
        for p in range(self.moments.n_periods):
            controls = self.clean(np.full(len(self.dates), p)) @ self.moments.units > 0
            found[:, p] = (self.starting & controls[:, None]).any(axis=0)
        return found

    def sample(self) -> Any:
        """Counts; treated are the units of cohorts with an effect."""
        after = self.compared() & (np.arange(self.moments.n_periods) >= self.moments.starts[:, None])
        return replace(self.analysis.sample(), n_treated=int(self.moments.units[after.any(axis=1)].sum()))


# ---- horizons ----------------------------------------------------------------------------------


def _by_cohort(projections: Projections) -> list[Floats]:
    """Horizons of each cohort that can be compared when it starts."""
    compared = projections.compared()
    at = {int(t): d for d, t in enumerate(projections.dates)}
    starts = projections.moments.starts
    rows = [g for g, s in enumerate(starts) if int(s) in at and compared[g, s]]
    return [projections.since[at[int(starts[g])]][compared[g]] for g in rows]


def _horizons(projections: Projections, window: Sequence[float] | None) -> list[float]:
    found = _by_cohort(projections)
    if not found:
        raise DesignError(_nobody(projections))
    every = np.unique(np.concatenate(found))
    if window is None:
        return [float(e) for e in every]
    if len(window) != 2 or not window[0] <= 0 <= window[1]:
        raise DesignError(
            f"window is {list(window)}; it has to be [first, last] horizon with first <= 0 <= last, such as [-4, 4]."
        )
    return [float(e) for e in every if window[0] <= e <= window[1]]


def _pooled(projections: Projections, horizons: list[float], window: Sequence[float] | None) -> dict[str, Projection]:
    """The pooled regressions: over the window, or over the horizons that all cohorts have."""
    found = _by_cohort(projections)
    first = horizons[0] if window is not None else max(float(e.min()) for e in found)
    last = horizons[-1] if window is not None else min(float(e.max()) for e in found)
    made = {"pooled_post": projections.pooled_post(last), "pooled_pre": projections.pooled_pre(first)}
    return {name: p for name, p in made.items() if p.treated and not p.reference}


def _nobody(projections: Projections) -> str:
    design = projections.analysis.design
    if design.anticipation:
        return (
            f"No cohort has a period before treatment and its anticipation of {design.anticipation} and a clean control. "
            "Shorten the anticipation or use data that begin earlier."
        )
    return "No cohort has clean controls when it starts. Use `control: not_yet` or add untreated units."


# ---- results -----------------------------------------------------------------------------------


def _scores(fits: Sequence[Projection]) -> Scores:
    return Scores(np.array([p.loadings for p in fits]), np.array([p.offsets for p in fits]))


def _averaged(horizons: list[float], fits: list[Projection]) -> Projection:
    """Mean of the horizons from 0 on, by their numbers of treated units."""
    after = [p for e, p in zip(horizons, fits, strict=True) if e >= 0]
    share = np.array([p.treated for p in after]) / sum(p.treated for p in after)
    loadings, offsets, weights = (
        np.tensordot(share, np.array(parts), 1)
        for parts in zip(*((p.loadings, p.offsets, p.weights) for p in after), strict=True)
    )
    return Projection(
        float(share @ [p.value for p in after]),
        loadings,
        offsets,
        weights,
        treated=max(p.treated for p in after),
        controls=max(p.controls for p in after),
        lone=max(p.lone for p in after),
        clusters=min(p.clusters for p in after),
    )


def _estimate(projections: Projections, found: Projection) -> Estimate:
    variance = float(projections.moments.variance(_scores([found]))[0])
    reason = REFERENCE if found.reference else _alone(found)
    return projections.analysis.estimate(found.value, variance, found.clusters - 1, reason)


def _alone(found: Projection) -> str | None:
    return ALONE if found.treated == 1 or found.controls == 1 else None


def _path(projections: Projections, horizons: list[float], fits: list[Projection]) -> Family:
    """The coefficients with their covariance; the degrees of freedom are those of the smallest regression."""
    scores = _scores(fits)
    covariance = projections.moments.covariance(scores)
    found = projections.analysis.reasons(np.diag(covariance))
    reasons = [REFERENCE if p.reference else _alone(p) or r for p, r in zip(fits, found, strict=True)]
    return Family(
        "event_time",
        np.array([p.value for p in fits]),
        np.diag(covariance),
        covariance,
        tuple(reasons),
        event_times=tuple(horizons),
        df=min(p.clusters for p in fits) - 1,
        weights=np.array([p.weights for p in fits]),
        influence=projections.analysis.influence(scores),
    )


def _notes(projections: Projections, horizons: list[float], fits: list[Projection], top: Projection) -> list[str]:
    notes = []
    cohorts = _by_cohort(projections)
    if not projections.equal and len(cohorts) > 1:
        notes.append(
            "Cohorts are weighted by how precisely each is compared (a variance-weighted ATT); `weights: equal` gives "
            "each treated unit the same weight."
        )
    if 0 < top.lone < top.treated:
        notes.append(
            "One treated or one control unit is alone at some dates: read the overall standard error as a lower bound."
        )
    alone = [plain(e) for e, p in zip(horizons, fits, strict=True) if _alone(p) and e >= 0 and not p.reference]
    if alone:
        notes.append(f"One treated or one control unit reaches horizon {some(alone)}.")
    return notes
