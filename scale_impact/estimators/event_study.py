"""Event study by two-way fixed effects: one coefficient for each period before and after adoption.

Right for one adoption date, or several with the same effect at each event time. With several
dates and effects that differ by cohort, coefficients mix other event times (Sun and Abraham
2021); callaway_santanna gives a path free of that.

Standard errors are clustered by unit (or the design's cluster) with fixest's default
small-sample correction, t distribution with G - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scale_impact.core.analysis import REFERENCE, Analysis, several_dates
from scale_impact.core.cohorts import Cohorts, Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family
from scale_impact.core.fixed_effects import independent
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import plain, some
from scale_impact.errors import DesignError
from scale_impact.estimators._regression import Fit, KFixef, listed, needs_panel, regress, small_sample

ALONE = "no standard error: one treated unit reaches this event time, whose own variation cannot be seen"


def fit(
    panel: Panel,
    design: Design,
    *,
    window: Sequence[float] | None = None,
    covariates: Sequence[str] = (),
    K_adj: bool = True,
    K_fixef: KFixef = "nonnested",
    G_adj: bool = True,
) -> Effect:
    """Coefficients by event time; the reference is the last period before (anticipated) treatment.

    Parameters
    ----------
    panel, design:
        A balanced panel. ``anticipation`` moves the reference period.
    window:
        First and last event time; cells beyond are counted with these (binned ends). None:
        all event times.
    covariates:
        Columns that vary over time; the estimate then goes through linearmodels.
    K_adj, K_fixef, G_adj:
        Small-sample correction in the words of fixest's ``ssc``.

    Returns
    -------
    Effect in the outcome's unit: ``path`` with its covariance, ``overall`` the mean of the
    coefficients from event time 0 on.

    Raises
    ------
    DesignError
        Cross-sections; no period before treatment; a window without the reference or event time 0.

    Source: Sun and Abraham (2021), equation 3; standard errors as fixest (Berge 2018).
    """
    needs_panel("event_study", design)
    small = small_sample(K_adj, K_fixef, G_adj)
    analysis = Analysis.of(panel, design)
    since = _event_times(analysis.moments, design, window)
    levels, reference, extra = _levels(since, analysis.moments, design)
    dummies = _dummies(since, levels)
    fitted = regress(analysis, dummies, listed(covariates), small)
    alone = _alone(dummies, analysis.moments)
    after = np.array([e >= 0 for e in levels]) / sum(e >= 0 for e in levels)
    value, variance = float(after @ fitted.coefficients), float(after @ fitted.covariance @ after)
    return Effect(
        estimator="event_study",
        overall=analysis.estimate(value, variance, analysis.moments.n_clusters - 1, analysis.one_unit()),
        sample=analysis.sample(),
        inference=f"clustered by {analysis.clustered_by}, CR1 ({small.words()})",
        path=_path(analysis, fitted, levels, reference, alone),
        weights=analysis.weight_frame(None if fitted.weights is None else np.tensordot(after, fitted.weights, 1)),
        influence=None if fitted.influence is None else fitted.influence.map(after[None]),
        notes=(*analysis.notes(), *_notes(design, extra, window), *_of_one_unit(levels, alone)),
    )


def _event_times(moments: Cohorts, design: Design, window: Sequence[float] | None) -> Floats:
    """Event time of each cell, [G, T]; NaN for the never treated."""
    start = np.where(moments.starts < moments.n_periods, moments.starts, 0)
    since = elapsed(moments.clock, np.arange(moments.n_periods)[None, :], start[:, None])
    since[moments.starts == moments.n_periods] = np.nan
    if window is None:
        return np.asarray(since)
    low, high = _window(window, design)
    return np.asarray(np.clip(since, low, high))


def _window(window: Sequence[float], design: Design) -> tuple[float, float]:
    if len(window) != 2 or not window[0] < 0 <= window[1]:
        raise DesignError(
            f"window is {list(window)}; it has to be [first, last] event time with first < 0 <= last, such as [-4, 4]."
        )
    if window[0] > -1 - design.anticipation:
        raise DesignError(
            f"window starts at {window[0]}, after the reference period {-1 - design.anticipation}. Start it earlier."
        )
    return float(window[0]), float(window[1])


def _levels(since: Floats, moments: Cohorts, design: Design) -> tuple[list[float], float, list[float]]:
    """Event times with a coefficient, the reference, and those that had to become references too."""
    seen = np.unique(since[~np.isnan(since)])
    until = moments.starts[:, None] - np.arange(moments.n_periods)  # periods, not years, until treatment
    anticipated = since[(until > 0) & (until <= design.anticipation)]
    before = np.setdiff1d(seen[seen < 0], anticipated)
    if not len(before):
        raise DesignError(
            f"No period lies before treatment and its anticipation of {design.anticipation}; an event study needs one."
        )
    reference = float(before[-1])
    levels = [float(e) for e in seen if e != reference]
    # far leads go first where the event times are collinear (no never-treated unit)
    order = np.argsort([-e if e < 0 else -np.inf for e in levels], kind="stable")
    kept = independent(_dummies(since, levels), moments.units, order)
    return [levels[k] for k in kept], reference, [e for k, e in enumerate(levels) if k not in kept]


def _dummies(since: Floats, levels: Sequence[float]) -> Floats:
    return np.array([since == e for e in levels], dtype=float)


def _alone(dummies: Floats, moments: Cohorts) -> list[str | None]:
    """Why an event time that one unit reaches has no standard error."""
    reached = (dummies.any(axis=2) * moments.units).sum(axis=1)
    return [ALONE if n == 1 else None for n in reached]


def _of_one_unit(levels: list[float], alone: list[str | None]) -> list[str]:
    """Say which event times from 0 on one unit alone reaches: the overall mean holds them too."""
    reached = [plain(e) for e, a in zip(levels, alone, strict=True) if a and e >= 0]
    if not reached:
        return []
    return [f"One treated unit reaches event time {some(reached)}: read the overall standard error as a lower bound."]


def _path(
    analysis: Analysis, fitted: Fit, levels: list[float], reference: float, alone: Sequence[str | None]
) -> Family:
    """The coefficients with the reference period put in its place."""
    at = int(np.searchsorted(levels, reference))
    p = len(levels)
    index = [k for k in range(p + 1) if k != at]
    variances = np.diag(fitted.covariance)[:p]
    covariance, values = np.zeros((p + 1, p + 1)), np.zeros(p + 1)
    covariance[np.ix_(index, index)] = fitted.covariance[:p, :p]
    values[index] = fitted.coefficients[:p]
    everywhere = analysis.one_unit()
    reasons = [everywhere or a or r for a, r in zip(alone, analysis.reasons(variances), strict=True)]
    reasons.insert(at, REFERENCE)
    weights = None if fitted.weights is None else np.insert(fitted.weights, at, 0.0, axis=0)
    times = (*levels[:at], reference, *levels[at:])
    influence = None if fitted.influence is None else fitted.influence.map(np.insert(np.eye(p), at, 0.0, axis=0))
    return Family(
        "event_time",
        values,
        np.diag(covariance),
        covariance,
        tuple(reasons),
        event_times=times,
        df=analysis.moments.n_clusters - 1,
        weights=weights,
        influence=influence,
    )


def _notes(design: Design, extra: list[float], window: Sequence[float] | None) -> list[str]:
    notes = []
    if extra:
        shown = (
            f"time {plain(extra[0])} is a second reference"
            if len(extra) == 1
            else f"times {some(extra)} are references too"
        )
        notes.append(f"Event {shown}: without never-treated units a trend in event time cannot be told apart.")
    if window is not None:
        notes.append(f"Event times before {plain(window[0])} and after {plain(window[1])} are counted with these ends.")
    if len(design.adopting) > 1:
        notes.append(
            f"{several_dates(design)}: coefficients mix event times where effects differ by cohort; compare with callaway_santanna."
        )
    return notes
