"""Structural time series: what the treated series would have done, foretold from its own course (as CausalImpact does).

A model of level, drift, season and, where there are any, control series and covariates learns from the periods before the
measure and foretells those after it; what was observed less that is the effect. Right for one city with a long series, above
all where its level wanders, so that a straight line (interrupted_time_series) would be too sure of itself. Forecasts get
uncertain with their horizon, and so does the effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family, Kind
from scale_impact.core.keys import Column, Label
from scale_impact.core.panel import Panel
from scale_impact.core.state_space import Forecast, Structure, Trend, foretell
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.worlds import Worlds
from scale_impact.core.words import counted, number
from scale_impact.errors import DesignError, EstimationError
from scale_impact.estimators._series import (
    Cells,
    Floats,
    Question,
    Season,
    Wave,
    cells_of,
    cohort_labels,
    question,
    season_of,
)

NAME = "structural_time_series"

ControlSeries = Literal["mean", "each", "none"]
Cycle = Annotated[int, Ge(2)]
Harmonics = Annotated[int, Ge(1)]
Draws = Annotated[int, Ge(200)]

APART = (
    "Series that start at different dates are drawn independently: shocks that they share make the interval too narrow."
)


@dataclass(frozen=True)
class Drawn:
    """An effect judged by draws of it from the posterior.

    Attributes
    ----------
    draws:
        [R].
    """

    draws: Floats

    @property
    def words(self) -> str:
        """How the interval was made."""
        return f"{len(self.draws):,} draws from the posterior of the state-space model"

    @property
    def p_value(self) -> float:
        """Twice the smaller tail: the share of draws on the other side of zero."""
        n, positive = len(self.draws), int((self.draws > 0).sum())
        return float(min(1.0, 2 * (min(positive, n - positive) + 1) / (n + 1)))

    @property
    def std_error(self) -> float:
        """Standard deviation of the draws."""
        return float(self.draws.std(ddof=1))

    @property
    def df(self) -> None:
        """None: the interval is that of the draws."""
        return None

    def interval(self, level: float) -> tuple[float, float]:
        """Equal tails."""
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


@dataclass(frozen=True, eq=False)
class Model:
    """The options that forecasts depend on."""

    structure: Structure
    wave: Wave
    control: ControlSeries


def fit(
    panel: Panel,
    design: Design,
    *,
    trend: Trend = "drift",
    season: Season = "auto",
    cycle: Cycle | None = None,
    harmonics: Harmonics = 2,
    changing_season: bool = False,
    covariates: Sequence[Column] = (),
    control_series: ControlSeries | None = None,
    donors: Sequence[Label] | None = None,
    without: Sequence[Label] = (),
    draws: Draws = 4000,
    seed: int = 0,
) -> Effect:
    """Forecast each series of treated units from before the measure, and subtract it.

    Parameters
    ----------
    panel, design:
        Units followed over time; units that start together are one series, their mean. Anticipated periods are not learnt
        from.
    trend:
        ``level``: wanders without direction (CausalImpact's default); ``drift``: wanders around a line; ``linear``: the
        direction wanders, too.
    season, cycle, harmonics:
        As in interrupted_time_series.
    changing_season:
        The season may change over time.
    covariates:
        Columns that are known after the start, too, and that the measure must not move.
    control_series:
        Units never treated as regressors: their ``mean`` (the default where there are any), ``each``, or ``none``.
    donors, without:
        The only units in the control series; units that are not.
    draws, seed:
        Draws from the posterior.

    Returns
    -------
    Effect in the outcome's unit: ``overall`` is the mean over all treated cells, with interval and p-value from draws
    (forecast errors of neighbouring periods go together); ``path`` by event time, before the start errors of forecasts one
    step ahead; ``summaries`` and ``curves`` have the ``cumulative`` effect of a unit over its treated periods.

    Raises
    ------
    DesignError
        As ``pilots``; a control series where there is none.
    EstimationError
        Too few periods before the measure, or a series that does not vary there.

    Source: Brodersen, Gallusser, Koehler, Remy and Scott (2015); Harvey (1989); see ``core.state_space``.
    """
    asked = question(panel, design, NAME, covariates=covariates, donors=donors, without=without)
    wave = season_of(asked.calendar, season, cycle, harmonics, NAME)
    model = Model(_structure(trend, wave, changing_season), wave, _control(asked, control_series))
    series = range(len(asked.starts))
    found = [_forecast(asked, asked.worlds, c, model, draws=draws, seed=seed + c) for c in series]
    return _effect(asked, model, found)


def _structure(trend: Trend, wave: Wave, changing: bool) -> Structure:
    if wave.kind == "none":
        return Structure(trend)
    return Structure(trend, wave.cycle, wave.harmonics if wave.kind == "fourier" else None, changing)


def _control(asked: Question, wanted: ControlSeries | None) -> ControlSeries:
    """How untreated units are used."""
    if wanted is None:
        return "mean" if asked.n_donors else "none"
    if wanted != "none" and not asked.n_donors:
        raise DesignError(
            f"{NAME}: `control_series: {wanted}` needs units that are never treated, and the design has none. Leave the "
            "option out."
        )
    return wanted


# ---- forecasts ------------------------------------------------------------------------------------------


def _forecast(asked: Question, worlds: Worlds, row: int, model: Model, *, draws: int = 0, seed: int = 0) -> Forecast:
    """The forecast of one row of worlds, on its calendar of L steps."""
    places = asked.calendar.places
    y = np.full(asked.calendar.length, np.nan)
    used = worlds.fit[row]
    y[places[used]] = worlds.targets[row, used]
    regressors = _regressors(asked, worlds, row, model.control)
    x = np.zeros((len(y), regressors.shape[1]))
    x[places] = _standardised(regressors, used)
    return foretell(y, x, model.structure, draws=draws, seed=seed)


def _regressors(asked: Question, worlds: Worlds, row: int, control: ControlSeries) -> Floats:
    """Control series, then covariates, [T, K]."""
    who = worlds.donors[row]
    if control != "none" and not who.any():
        raise DesignError(f"{NAME}: no unit is left for the control series. Say `control_series: none`.")
    paths = worlds.outcomes[who]
    controls = {"mean": paths.mean(axis=0)[None] if len(paths) else paths, "each": paths, "none": paths[:0]}[control]
    held = np.einsum("n,knt->kt", worlds.treated[row], asked.covariates[:, worlds.units])
    return np.concatenate([controls, held]).T


def _standardised(x: Floats, used: NDArray[np.bool_]) -> Floats:
    """Regressors less their first value, in standard deviations before the measure: a law to come is 0 until it does.

    Raises
    ------
    EstimationError
        A regressor does not vary before the measure: what it does cannot be learnt.
    """
    first, spread = x[used][0], x[used].std(axis=0)
    idle = np.flatnonzero(spread <= 1e-12 * np.maximum(np.abs(x[used]).max(axis=0), 1e-300))
    if len(idle):
        raise EstimationError(
            f"{NAME}: {counted(len(idle), 'covariate or control series', 'covariates or control series')} do not vary "
            "before the measure, so that what they do cannot be learnt there. Leave them out, or use interrupted_time_series, "
            "which also learns from the periods after."
        )
    return np.asarray((x - first) / spread)


def _again(asked: Question, model: Model, worlds: Worlds) -> Floats:
    """Gaps of other worlds, at the mode of the posterior; NaN where a world is too short for the model."""
    periods = worlds.outcomes.shape[1]
    calendar = replace(asked.calendar, times=asked.calendar.times[:periods])
    shown = replace(asked, calendar=calendar, covariates=asked.covariates[:, :, :periods])
    gaps = np.full((len(worlds), periods), np.nan)
    for row in range(len(worlds)):
        try:
            found = _forecast(shown, worlds, row, model)
        except EstimationError:
            continue
        gaps[row] = worlds.targets[row] - found.expected[calendar.places]
    return gaps


# ---- the effect ------------------------------------------------------------------------------------------


def _effect(asked: Question, model: Model, found: Sequence[Forecast]) -> Effect:
    """Means of what was observed less what was foretold."""
    cells, places = cells_of(asked), asked.calendar.places
    observed = asked.worlds.targets
    expected = np.array([f.expected[places] for f in found])
    gaps = observed - expected
    drawn = _drawn_gaps(asked, found)
    several = len(found) > 1
    total = _cumulative(asked, gaps, drawn)
    return Effect(
        estimator=NAME,
        overall=_estimate(cells.overall, gaps, drawn),
        sample=asked.sample(model.control != "none"),
        inference="Bayesian structural time series",
        path=_path(asked, cells, gaps, drawn, found),
        by_cohort=_family(cells.by_cohort, gaps, drawn, "cohort", cohorts=cohort_labels(asked)) if several else None,
        summaries={"cumulative": total[len(total) - 1]},
        curves={"cumulative": total},
        notes=(*asked.notes(model.control != "none"), *_notes(asked, model, found)),
        treated_mean=asked.treated_mean(),
        counterfactual=Counterfactual(
            periods=tuple(asked.panel.periods),
            names=asked.labels,
            sizes=asked.sizes,
            starts=tuple(int(s) for s in asked.starts),
            fitted=tuple(int(f) for f in asked.fitted),
            observed=observed,
            expected=expected,
            worlds=asked.worlds,
            again=partial(_again, asked, model),
            expected_se=_spread(asked, found),
            clock=asked.clock,
        ),
        judged_by="analytic",
    )


def _spread(asked: Question, found: Sequence[Forecast]) -> Floats:
    """Standard deviations of predictions, NaN before the first that can be made, [C, T]."""
    places = asked.calendar.places
    return np.array([np.where(f.known, np.sqrt(f.variance), np.nan)[places] for f in found])


def _drawn_gaps(asked: Question, found: Sequence[Forecast]) -> Floats:
    """Draws of the gaps, [R, C, T]; 0 where nothing is drawn."""
    places = asked.calendar.places
    wide = np.zeros((len(found[0].draws), *asked.worlds.targets.shape))
    for c, forecast in enumerate(found):
        last = asked.calendar.length - forecast.draws.shape[1]
        late = places >= last
        wide[:, c, late] = asked.worlds.targets[c, late] - forecast.draws[:, places[late] - last]
    return wide


def _estimate(weights: Floats, gaps: Floats, drawn: Floats) -> Estimate:
    """A weighted sum of gaps [C, T] with its draws."""
    value = float((weights * gaps).sum())
    return Estimate(value).judge(Drawn(np.einsum("ct,rct->r", weights, drawn)))


def _family(weights: Floats, gaps: Floats, drawn: Floats, kind: Kind, **labels: Any) -> Family:
    """Weighted sums [M, C, T] of gaps, with their draws."""
    values = np.einsum("mct,ct->m", weights, gaps)
    sums = np.einsum("mct,rct->mr", weights, drawn)
    covariance = np.atleast_2d(np.cov(sums))
    judged = tuple(Drawn(s) for s in sums)
    variances = np.diag(covariance).copy()
    return Family(kind, values, variances, covariance, (None,) * len(values), judged=judged, **labels)


def _cumulative(asked: Question, gaps: Floats, drawn: Floats) -> Family:
    """Sum of the effects from the start to each event time, of a unit: the mean over those that are observed so long."""
    times = np.where(asked.worlds.after, asked.event_times, np.nan)
    known = np.unique(times[asked.worlds.after])
    weights = []
    for last in known:
        reach = np.nanmax(times, axis=1) >= last
        share = asked.sizes * reach / (asked.sizes * reach).sum()
        weights.append(share[:, None] * (times <= last))
    names = tuple(f"to event time {number(e)}" for e in known)
    return _family(np.array(weights), gaps, drawn, "subgroup", names=names, estimand="cumulative effect")


def _path(asked: Question, cells: Cells, gaps: Floats, drawn: Floats, found: Sequence[Forecast]) -> Family:
    """Errors of forecasts one step ahead before the start, effects from it on; the former are independent of each other."""
    after = _family(cells.by_event_time, gaps, drawn, "event_time", event_times=cells.event_times)
    times, spread = asked.event_times, _spread(asked, found)
    early = (times < 0) & ~np.isnan(spread) & asked.worlds.fit
    known = np.unique(times[early])
    if not len(known):
        return after
    share = np.array([asked.sizes[:, None] * (early & (times == e)) for e in known])
    share = share / share.sum(axis=(1, 2), keepdims=True)
    variances = np.einsum("mct,ct->m", share**2, np.where(early, spread, 0.0) ** 2)
    return _joined(np.einsum("mct,ct->m", share, gaps), variances, known, after)


def _joined(values: Floats, variances: Floats, times: Floats, after: Family) -> Family:
    """Estimates before the start, then those after it."""
    n, k = len(values), len(values) + len(after)
    covariance = np.zeros((k, k))
    covariance[:n, :n] = np.diag(variances)
    covariance[n:, n:] = after.covariance
    return Family(
        kind="event_time",
        values=np.concatenate([values, after.values]),
        variances=np.diag(covariance).copy(),
        covariance=covariance,
        reasons=(None,) * k,
        event_times=(*(int(t) if float(t).is_integer() else float(t) for t in times), *after.event_times),
        judged=((None,) * n) + after.judged,
    )


def _notes(asked: Question, model: Model, found: Sequence[Forecast]) -> list[str]:
    said = list(model.wave.words)
    if model.control != "none":
        how = "the mean of" if model.control == "mean" else "each of"
        said.append(
            f"Control series: {how} {counted(asked.n_donors, 'untreated unit')}, taken to be untouched by the measure."
        )
    said += [APART] if len(found) > 1 else []
    for name, forecast in zip(asked.labels, found, strict=True):
        parts = ", ".join(f"{part} {number(float(v))}" for part, v in forecast.deviations.items())
        said.append(f"{name}: standard deviations of the disturbances: {parts} (posterior means).")
    return said
