"""Interrupted time series: a trend and a season before the measure, and how far the series leaves them from its start on.

Right where nobody is there to compare with: one city, a long series, a measure with one date and nothing else that changed
at that time. A regression with intercept, trend, season and covariates, and a change of level and of slope at the start of
the measure. Errors that follow each other make plain standard errors too small: ``errors`` says how they are modelled.
Where there are untreated units their mean is a control series (a comparative interrupted time series).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Len
from numpy.typing import NDArray

from scale_impact.core.analysis import NO_VARIATION
from scale_impact.core.calendar import Calendar
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family, Kind
from scale_impact.core.keys import Column, Count, Label
from scale_impact.core.panel import Panel
from scale_impact.core.serial_errors import Errors, Fitted, Series, durbin_watson, ljung_box, regress
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.worlds import Worlds
from scale_impact.core.words import counted, plain
from scale_impact.errors import DesignError, EstimationError, UsageError
from scale_impact.estimators._series import (
    Floats,
    Question,
    Season,
    Wave,
    cells_of,
    cohort_labels,
    family,
    position,
    question,
    season_of,
    wave_columns,
)

NAME = "interrupted_time_series"

ErrorModel = Literal["ar1", "newey_west", "prais_winsten", "arima", "ols"]
Change = Literal["both", "level", "slope"]
ControlSeries = Literal["difference", "regressor", "none"]
Cycle = Annotated[int, Ge(2)]
Three = Annotated[list[Annotated[int, Ge(0)]], Len(3, 3)]

REMAINS = 0.05
"""Below this p-value of the Ljung-Box test errors are said to follow each other."""


@dataclass(frozen=True, eq=False)
class Model:
    """What a series is explained by: the options that its regressors depend on."""

    change: Change
    trend: Literal["linear", "none"]
    wave: Wave
    interventions: tuple[int, ...]
    control: ControlSeries
    errors: Errors


@dataclass(frozen=True, eq=False)
class Explained:
    """One series' regression: regressors [T, K] with and without the measure, which rows were used, and what was taken away."""

    series: Series
    full: Floats
    bare: Floats
    taken: Floats


def fit(
    panel: Panel,
    design: Design,
    *,
    errors: ErrorModel = "ar1",
    lags: Count | None = None,
    order: Three | None = None,
    seasonal_order: Three | None = None,
    change: Change = "both",
    trend: Literal["linear", "none"] = "linear",
    season: Season = "auto",
    cycle: Cycle | None = None,
    harmonics: Count = 2,
    interventions: Sequence[Label] = (),
    covariates: Sequence[Column] = (),
    control_series: ControlSeries | None = None,
    donors: Sequence[Label] | None = None,
    without: Sequence[Label] = (),
) -> Effect:
    """Segmented regression of each series of treated units.

    Parameters
    ----------
    panel, design:
        Units that start together are one series, their mean. Anticipated periods are left out.
    errors, lags, order, seasonal_order:
        ``ar1`` (autoregressive of order 1, averaged over what the correlation may be), ``newey_west`` (``lags``, default
        4 (n/100)^(2/9)), ``prais_winsten`` (as ``ar1`` with the correlation as if known), ``arima`` (``order`` [p, d, q], default
        by the corrected AIC; ``seasonal_order`` [P, D, Q]), ``ols``.
    change, trend:
        A change of ``level``, of ``slope``, or of ``both``; whether there is a trend.
    season, cycle, harmonics:
        ``dummies``, ``fourier`` (so many pairs of sine and cosine), ``none``; ``auto``: by the calendar.
    interventions, covariates:
        Starts of other measures, whose changes are held constant; columns to hold constant.
    control_series, donors, without:
        The mean of units never treated is taken away (``difference``, the default where there are such units), a
        ``regressor``, or not used (``none``); the only units in it; units that are not.

    Returns
    -------
    Effect in the outcome's unit: ``overall`` is the mean over treated cells of level change + slope change x periods since the
    start; ``path`` the same by event time; ``summaries`` and ``curves`` have ``level_change`` and ``slope_change``.

    Raises
    ------
    DesignError, EstimationError, UsageError
        As ``pilots``; a regression that cannot be had; options that do not go together.

    Source: Wagner, Soumerai, Zhang and Ross-Degnan (2002), equation 1; Bernal, Cummins and Gasparrini (2017, 2018).
    """
    _refuse_idle(errors, lags, order, seasonal_order)
    asked = question(panel, design, NAME, covariates=covariates, donors=donors, without=without)
    model = Model(
        change, trend, season_of(asked.calendar, season, cycle, harmonics, NAME), _places(panel, interventions),
        _control(asked, control_series),
        _errors(errors, lags, order, seasonal_order, cycle or asked.calendar.cycle),
    )  # fmt: skip
    explained = [_explained(asked, asked.worlds, c, model) for c in range(len(asked.starts))]
    return _effect(asked, model, explained, regress([e.series for e in explained], model.errors))


def _errors(
    kind: ErrorModel, lags: int | None, order: Three | None, seasonal: Three | None, cycle: int | None
) -> Errors:
    """The model of errors that the options say."""
    if seasonal and not cycle:
        raise UsageError(f"{NAME}: `seasonal_order` needs `cycle`, such as 12 for months.")
    return Errors(kind, lags, _triple(order), _triple(seasonal) or (0, 0, 0), cycle)


def _places(panel: Panel, interventions: Sequence[Label]) -> tuple[int, ...]:
    """Positions of the starts of other measures."""
    return tuple(position(panel, label, "interventions", NAME) for label in interventions)


def _refuse_idle(errors: str, lags: int | None, order: object, seasonal_order: object) -> None:
    """Refuse options of another model of errors."""
    wrong = (
        [f"{NAME}: `lags` is {lags}. For errors without any, say `errors: ols`."]
        if lags is not None and lags < 1
        else []
    )
    wrong += [
        f"{NAME}: `{option}` belongs to `errors: {owner}` (it is {errors})."
        for option, owner, given in (
            ("lags", "newey_west", lags),
            ("order", "arima", order),
            ("seasonal_order", "arima", seasonal_order),
        )
        if given is not None and errors != owner
    ]
    if wrong:
        raise UsageError(wrong)


def _triple(given: Sequence[int] | None) -> tuple[int, int, int] | None:
    return None if given is None else (given[0], given[1], given[2])


def _control(asked: Question, wanted: ControlSeries | None) -> ControlSeries:
    """How untreated units are used."""
    if wanted is None:
        return "difference" if asked.n_donors else "none"
    if wanted != "none" and not asked.n_donors:
        raise DesignError(
            f"{NAME}: `control_series: {wanted}` needs units that are never treated, and the design has none"
            f"{' (`control: none`)' if asked.found.design.control == 'none' else ''}. Leave the option out."
        )
    return wanted


# ---- regressors ------------------------------------------------------------------------------------------


def _explained(asked: Question, worlds: Worlds, row: int, model: Model) -> Explained:
    """The regression of one row of worlds."""
    rows = worlds.fit[row] | worlds.after[row]
    start = int(np.flatnonzero(worlds.after[row])[0])
    times = asked.calendar.times.astype(float) - float(asked.calendar.times[start])
    base = _base(asked, worlds, row, model, times, rows)
    measure = _changes(times, 0.0, model.change)
    taken = _controls(worlds, row) if model.control == "difference" else np.zeros(len(times))
    full, bare = np.hstack([base, measure]), np.hstack([base, np.zeros_like(measure)])
    steps = asked.calendar.places[rows]
    return Explained(Series((worlds.targets[row] - taken)[rows], full[rows], steps), full, bare, taken)


def _base(asked: Question, worlds: Worlds, row: int, model: Model, times: Floats, rows: NDArray[np.bool_]) -> Floats:
    """Regressors but for the measure's: intercept, trend, season, controls, covariates, other interventions; [T, K]."""
    columns = [np.ones((len(times), 1))]
    columns += [times[:, None]] if model.trend == "linear" else []
    columns.append(wave_columns(model.wave, asked.calendar.times, rows))
    columns += [_controls(worlds, row)[:, None]] if model.control == "regressor" else []
    columns.append(_held_constant(asked, worlds, row, model.control == "difference"))
    columns += [_changes(times, times[p], model.change) for p in model.interventions]
    return np.hstack(columns)


def _changes(times: Floats, start: float, change: Change) -> Floats:
    """Change of level, and of slope, from a start on: [T, 1 or 2]."""
    after = (times >= start).astype(float)
    level, slope = after, after * (times - start)
    return np.column_stack({"both": [level, slope], "level": [level], "slope": [slope]}[change])


def _controls(worlds: Worlds, row: int) -> Floats:
    """The mean path of the units that may be donors, [T]."""
    who = worlds.donors[row]
    if not who.any():
        raise DesignError(f"{NAME}: no unit is left for the control series. Say `control_series: none`.")
    return np.asarray(worlds.outcomes[who].mean(axis=0))


def _held_constant(asked: Question, worlds: Worlds, row: int, difference: bool) -> Floats:
    """Covariates of the treated, less those of the controls where these are taken away: [T, K]."""
    values = asked.covariates[:, worlds.units]
    found = np.einsum("n,knt->tk", worlds.treated[row], values)
    if difference:
        found = found - values[:, worlds.donors[row]].mean(axis=1).T
    return np.asarray(found)


# ---- the effect ------------------------------------------------------------------------------------------


def _effect(asked: Question, model: Model, explained: Sequence[Explained], found: Fitted) -> Effect:
    """All estimates as sums of coefficients, with their covariance."""
    cells = cells_of(asked)
    acts = [e.full - e.bare for e in explained]
    overall = _estimates(cells.overall[None], acts, found)
    path = _estimates(cells.by_event_time, acts, found)
    cohorts = _estimates(cells.by_cohort, acts, found)
    reason = _no_variation(found, explained)
    changes = _level_and_slope(asked, model, found, reason)
    df = float(min(found.dfs))
    several = len(explained) > 1
    labelled: dict[str, Any] = {"df": df}
    return Effect(
        estimator=NAME,
        overall=Estimate(float(overall[0][0]), None if reason else float(np.sqrt(overall[1][0, 0])), df, reason),
        sample=asked.sample(model.control != "none"),
        inference=found.words,
        path=_family("event_time", path, reason, event_times=cells.event_times, **labelled),
        by_cohort=_family("cohort", cohorts, reason, cohorts=cohort_labels(asked), **labelled) if several else None,
        summaries={name: one[0] for name, one in changes.items()},
        curves=changes,
        notes=(*asked.notes(model.control != "none"), *_notes(asked, model, found)),
        treated_mean=asked.treated_mean(),
        counterfactual=_counterfactual(asked, model, explained, found),
        judged_by="analytic",
    )


def _estimates(weights: Floats, acts: Sequence[Floats], found: Fitted) -> tuple[Floats, Floats]:
    """Weighted sums over treated cells [M, C, T] of what the measure's columns add, with covariance [M, M]."""
    loadings = np.hstack([w @ a for w, a in zip(np.moveaxis(weights, 1, 0), acts, strict=True)])
    return loadings @ np.concatenate(found.coefficients), loadings @ found.covariance @ loadings.T


def _no_variation(found: Fitted, explained: Sequence[Explained]) -> str | None:
    """Why there is no standard error: the regression leaves nothing over."""
    size = max(float(np.abs(e.series.y).max()) for e in explained)
    left = max(float(np.abs(w).max()) for w in found.white)
    return NO_VARIATION if left <= 1e-12 * max(size, 1e-300) else None


def _family(kind: Kind, found: tuple[Floats, Floats], reason: str | None, **labels: Any) -> Family:
    return family(kind, *found, (reason,) * len(found[0]), **labels)


def _level_and_slope(asked: Question, model: Model, found: Fitted, reason: str | None) -> dict[str, Family]:
    """Change of level at the start and of slope a period: the mean over series, each unit counted once."""
    names = {"both": ("level_change", "slope_change"), "level": ("level_change",), "slope": ("slope_change",)}[
        model.change
    ]
    share = asked.sizes / asked.sizes.sum()
    made = {}
    for k, name in enumerate(names):
        rows = [_unit_row(len(b), len(b) - len(names) + k) for b in found.coefficients]
        loading = np.hstack([s * r for s, r in zip(share, rows, strict=True)])[None]
        one = (loading @ np.concatenate(found.coefficients), loading @ found.covariance @ loading.T)
        words = name.replace("_", " ")
        per = "" if name == "level_change" else " per period"
        labels: dict[str, Any] = {"names": (words,), "estimand": f"{words}{per}", "df": float(min(found.dfs))}
        made[name] = _family("subgroup", one, reason, **labels)
    return made


def _unit_row(n: int, at: int) -> Floats:
    row = np.zeros(n)
    row[at] = 1.0
    return row


def _counterfactual(asked: Question, model: Model, explained: Sequence[Explained], found: Fitted) -> Counterfactual:
    """Paths with and without the measure, as the regressions have them."""
    ends = np.cumsum([len(b) for b in found.coefficients])
    parts = [slice(int(e) - len(b), int(e)) for e, b in zip(ends, found.coefficients, strict=True)]
    each = list(zip(explained, found.coefficients, parts, strict=True))
    expected = np.array([e.taken + e.bare @ b for e, b, _ in each])
    spread = [np.einsum("tk,kl,tl->t", e.bare, found.covariance[p, p], e.bare) for e, _, p in each]
    return Counterfactual(
        periods=tuple(asked.panel.periods),
        names=asked.labels,
        sizes=asked.sizes,
        starts=tuple(int(s) for s in asked.starts),
        fitted=tuple(int(f) for f in asked.fitted),
        observed=asked.worlds.targets,
        expected=expected,
        worlds=asked.worlds,
        again=partial(_again, asked, model),
        modelled=np.array([e.taken + e.full @ b for e, b, _ in each]),
        expected_se=np.sqrt(np.array(spread)),
        clock=asked.clock,
    )


def _again(asked: Question, model: Model, worlds: Worlds) -> Floats:
    """Gaps of other worlds; NaN for a world whose regression cannot be had (too few periods for its coefficients).

    From the start on they scatter around the effect of the regression: the mean that errors happen to have there, of which a
    model of errors that follow each other takes account, is no part of it. So the mean gap is the overall effect.
    """
    gaps = np.full((len(worlds), worlds.outcomes.shape[1]), np.nan)
    shown = replace(asked, calendar=_cut(asked, gaps.shape[1]), covariates=asked.covariates[:, :, : gaps.shape[1]])
    kept = replace(model, interventions=tuple(p for p in model.interventions if p < gaps.shape[1]))
    for row in range(len(worlds)):
        try:
            one = _explained(shown, worlds, row, kept)
            found = regress([one.series], kept.errors).coefficients[0]
        except EstimationError:
            continue
        gaps[row] = worlds.targets[row] - one.taken - one.bare @ found
        left, after = gaps[row] - (one.full - one.bare) @ found, worlds.after[row]
        gaps[row, after] -= left[after].mean()
    return gaps


def _cut(asked: Question, periods: int) -> Calendar:
    return replace(asked.calendar, times=asked.calendar.times[:periods])


# ---- notes -----------------------------------------------------------------------------------------------


def _notes(asked: Question, model: Model, found: Fitted) -> list[str]:
    said = list(model.wave.words)
    if model.control != "none":
        how = "is taken away from" if model.control == "difference" else "is a regressor of"
        said.append(f"The mean of {counted(asked.n_donors, 'untreated unit')} {how} the series.")
    if model.interventions:
        when = ", ".join(plain(asked.panel.periods[p]) for p in model.interventions)
        said.append(f"Held constant: changes at {when}.")
    return said + _memory(asked, model, found)


def _memory(asked: Question, model: Model, found: Fitted) -> list[str]:
    """The model of errors, and whether what it leaves still follows itself."""
    said = [f"{name}: errors are {words}." for name, words in zip(asked.labels, found.models, strict=False)]
    for name, white in zip(asked.labels, found.white, strict=True):
        if float(np.abs(white).max()) > 0:
            said.append(_tested(name, white, model, found.parameters))
    return said


def _tested(name: str, white: Floats, model: Model, parameters: int) -> str:
    """Durbin-Watson and Ljung-Box of what is left, and what follows."""
    lags = min(max(model.wave.cycle, 10), len(white) // 4)
    if lags <= parameters:
        return f"{name}: too few periods to test whether errors follow each other."
    watson, (_, p) = durbin_watson(white), ljung_box(white, lags, parameters)
    numbers = f"Durbin-Watson {watson:.2f}, Ljung-Box of {lags} lags p = {p:.3f}"
    if p >= REMAINS:
        return f"{name}: no sign that what the model leaves follows itself ({numbers})."
    if model.errors.kind == "newey_west":
        return f"{name}: errors follow each other ({numbers}), for which Newey-West's standard errors allow."
    return (
        f"{name}: what the model leaves still follows itself ({numbers}): standard errors may be too small. Try `errors: "
        "newey_west`, `errors: arima`, another trend or season, or structural_time_series."
    )
