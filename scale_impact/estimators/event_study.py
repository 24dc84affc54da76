"""Event study by two-way fixed effects: one coefficient for each period before and after adoption.

Right for one adoption date, or several with the same effect at each event time. With several
dates and effects that differ by cohort, coefficients mix other event times (Sun and Abraham
2021); callaway_santanna gives a path free of that.

Standard errors are by default clustered by unit (or the design's cluster) with fixest's
small-sample correction, t distribution with G - 1 degrees of freedom. ``vcov`` names other
conventions; with few clusters ``CR2`` corrects the bias of the variance and the degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scale_impact.core.analysis import REFERENCE, Analysis, several_dates
from scale_impact.core.cohorts import Cohorts, Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family
from scale_impact.core.event_dummies import event_dummies
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.sandwich import Vcov
from scale_impact.core.within import Trends
from scale_impact.core.words import plain, some
from scale_impact.estimators._convention import Convention, KFixef, Lags
from scale_impact.estimators._regression import TREND, Fit, needs_panel, regress

ALONE = "no standard error: one treated unit reaches this event time, whose own variation cannot be seen"


def fit(
    panel: Panel,
    design: Design,
    *,
    window: Sequence[float] | None = None,
    covariates: Sequence[Column] = (),
    trends: Trends | None = None,
    vcov: Vcov = "CR1",
    clusters: Sequence[Column] = (),
    lags: Lags | None = None,
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
        First and last event time; cells beyond count with these (binned ends). None: all.
    covariates:
        Columns that vary over time; the path then has no cohort weights.
    trends:
        ``"unit"``: each unit has a linear trend of its own; a second period before treatment is a reference too.
    vcov, clusters, lags:
        Covariance by name and what it needs, as in ``twfe``; under ``CR2`` each coefficient has its own degrees
        of freedom.
    K_adj, K_fixef, G_adj:
        Small-sample correction in the words of fixest's ``ssc``; CR0, CR2 and CR3 have none.

    Returns
    -------
    Effect in the outcome's unit: ``path`` with its covariance, ``overall`` its mean from event time 0 on.

    Raises
    ------
    DesignError
        Cross-sections; no period before treatment (two with unit trends); a window without the reference or 0.
    UsageError
        Options that are not known or do not go together.

    Source: Sun and Abraham (2021), equation 3; covariances: see ``_convention``.
    """
    needs_panel("event_study", design)
    convention = Convention.of(covariates, vcov, clusters, lags, trends, (K_adj, K_fixef, G_adj))
    return _effect(Analysis.of(panel, design), convention, window)


def _effect(analysis: Analysis, convention: Convention, window: Sequence[float] | None) -> Effect:
    """The regression's result."""
    found = event_dummies(analysis.moments, analysis.design, window, convention.trends)
    levels = found.levels
    after = np.array([e >= 0 for e in levels]) / sum(e >= 0 for e in levels)
    fitted = regress(analysis, found.dummies, convention, np.vstack([np.eye(len(levels)), after]))
    alone = _alone(found.dummies, analysis.moments, convention.vcov)
    one = None if convention.vcov == "iid" else analysis.one_unit()
    made, trend = fitted.made, [TREND] if convention.trends else []
    value, variance, df = fitted.values[-1], made.covariance[-1, -1], float(made.df[-1])
    said = _notes(analysis.design, found.extra, window, convention.trends)
    return Effect(
        estimator="event_study",
        overall=analysis.estimate(value, variance, df, one or made.reasons[-1]),
        sample=analysis.sample(),
        inference=made.words,
        path=_path(analysis, fitted, levels, found.reference, [one or a for a in alone]),
        weights=analysis.weight_frame(None if fitted.weights is None else fitted.weights[-1]),
        influence=fitted.influence.select(np.array([len(levels)])),
        notes=(*analysis.notes(), *made.notes, *trend, *said, *_of_one_unit(levels, alone)),
    )


def _alone(dummies: Floats, moments: Cohorts, vcov: Vcov) -> list[str | None]:
    """Why an event time that one unit reaches has no standard error (but where errors are taken to be alike)."""
    reached = (dummies.any(axis=2) * moments.units).sum(axis=1)
    return [ALONE if n == 1 and vcov != "iid" else None for n in reached]


def _of_one_unit(levels: Sequence[float], alone: list[str | None]) -> list[str]:
    """Say which event times from 0 on one unit alone reaches: the overall mean holds them too."""
    reached = [plain(e) for e, a in zip(levels, alone, strict=True) if a and e >= 0]
    if not reached:
        return []
    return [f"One treated unit reaches event time {some(reached)}: read the overall standard error as a lower bound."]


def _path(
    analysis: Analysis, fitted: Fit, levels: Sequence[float], reference: float, alone: Sequence[str | None]
) -> Family:
    """The coefficients with the reference period put in its place."""
    at, made = int(np.searchsorted(levels, reference)), fitted.made
    own = np.array([*range(at), -1, *range(at, len(levels))])  # -1: the reference
    place = own >= 0
    take = np.eye(len(levels) + 1)[np.where(place, own, len(levels))] * place[:, None]
    variances = np.diag(made.covariance)[: len(levels)]
    known = zip(alone, made.reasons[: len(levels)], analysis.reasons(variances), strict=True)
    reasons: list[str | None] = [a or b or c for a, b, c in known]
    reasons.insert(at, REFERENCE)
    df = made.df[: len(levels)]
    covariance = take @ made.covariance @ take.T
    return Family(
        kind="event_time",
        values=take @ fitted.values,
        variances=np.diag(covariance),
        covariance=covariance,
        reasons=tuple(reasons),
        event_times=tuple(sorted([*levels, reference])),
        df=float(df.min()),
        dfs=np.insert(df, at, df.min()) if np.ptp(df) > 0 else None,
        weights=None if fitted.weights is None else np.tensordot(take, fitted.weights, 1),
        influence=fitted.influence.map(take),
    )


def _notes(design: Design, extra: Sequence[float], window: Sequence[float] | None, trends: Trends | None) -> list[str]:
    notes = []
    if extra:
        shown = (
            f"time {plain(extra[0])} is a second reference"
            if len(extra) == 1
            else f"times {some(extra)} are references too"
        )
        why = "with unit trends" if trends else "without never-treated units"
        notes.append(f"Event {shown}: {why} a trend in event time cannot be told apart.")
    if window is not None:
        notes.append(f"Event times before {plain(window[0])} and after {plain(window[1])} are counted with these ends.")
    if len(design.adopting) > 1:
        notes.append(
            f"{several_dates(design)}: coefficients mix event times where effects differ by cohort; compare with callaway_santanna."
        )
    return notes
