"""How strong an unobserved confounder would have to be to take the effect away, and whether any observed covariate is that strong.

The robustness value is a share of variance: a confounder that explains this much of what covariates leave of the exposure, and
as much of what they leave of the outcome, takes the effect away; a weaker one cannot. It means something beside what is
observed: a confounder as strong as the strongest covariate, or two or three times so.

Of the estimate it holds exactly, whatever the errors are. Of the interval it holds exactly under the textbook's standard errors;
with robust or clustered ones the share by which they are larger is taken to stay as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Le

from scale_impact.checks._refuters import Refit
from scale_impact.core.causal.adjusted import Adjusted, Partial
from scale_impact.core.causal.cross_section import cross_section
from scale_impact.core.causal.refutation.sensitivity import (
    Case,
    adjusted_error,
    adjusted_estimate,
    adjusted_t,
    case,
    columns_of,
    extreme_value,
    robustness_value,
    same_regression,
    strength,
)
from scale_impact.core.causal.regression.errors import classical, standard_error
from scale_impact.core.causal.regression.model import Model
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Column, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, some
from scale_impact.errors import DesignError, EstimationError

NAME = "robustness_value"

EXPOSURE = True


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    benchmarks: Sequence[Column] = (),
    covariates: Sequence[Column] = (),
    times: Sequence[float] = (1.0, 2.0, 3.0),
    q: Annotated[float, Gt(0), Le(1)] = 1.0,
    alpha: Share = 0.05,
) -> Check:
    """Robustness values of a linear regression, with bounds by observed covariates.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator. Where it is no linear regression, least squares stand in for it, on the rows that it
        compares (changes, for adoption designs).
    covariates:
        Of that regression, where the estimator has none of its own; default the study's.
    benchmarks:
        Covariates that a confounder is compared with (a text as a whole); none named: all.
    times:
        How many times as strong as they a confounder is.
    q:
        Share of the effect that is to be taken away; 1: all of it.
    alpha:
        Level of the interval.

    Returns
    -------
    Check that passes where a confounder as strong as the strongest benchmark (the least of ``times``) leaves an interval that
    excludes zero (with q < 1: the share 1 - q of the effect), fails where one takes the share q of the effect away, and is
    inconclusive in between, where the interval holds zero as it is, and without covariates. ``statistic`` is the robustness value
    of the estimate; ``details`` has that of the interval, both for the textbook's and for the study's standard errors, the
    extreme scenario, and a row a benchmark and strength.

    Source: Cinelli and Hazlett (2020); for the extreme value Cinelli and Hazlett (2025).
    """
    own = refit(panel, design)
    if own.estimand == "LATE":
        return Check.inapplicable(
            NAME,
            f"{own.estimator} does not rest on covariates alone. See weak_instrument, or density_jump at a threshold.",
        )
    linear = own.adjusted is not None and own.adjusted.partial is not None
    effect = own if linear else _regression(panel, design, own, tuple(covariates))
    adjusted = effect.adjusted
    if adjusted is None or adjusted.partial is None or adjusted.partial.df < 3:
        return Check.inapplicable(NAME, "There are too few rows for a linear regression; e_value takes any estimator.")
    _refuse(adjusted, tuple(benchmarks), times)
    of = case(adjusted.partial, effect.overall.std_error, effect.overall.df, alpha)
    model = same_regression(adjusted)
    rows = [] if model is None else _bounds(of, model, adjusted, tuple(benchmarks) or adjusted.rows.columns, times, q)
    found = {**_values(of, q, alpha), "rows": rows, "q": q, "alpha": alpha, "inference": effect.inference}
    check = _judged(effect, of, found)
    return check if linear else replace(check, reason=f"{_stands_in(own, of)} {check.reason}")


def _regression(panel: Panel, design: Design, own: Effect, covariates: tuple[str, ...]) -> Effect:
    """Least squares on the rows that an estimator compares, for one that is no linear regression.

    Raises
    ------
    DesignError
        There are no such rows; see ``cross_section``.
    EstimationError
        Covariates explain the exposure.
    """
    rows = (
        own.adjusted.rows
        if own.adjusted is not None and not covariates
        else cross_section(panel, design, NAME, covariates)
    )
    model = Model(rows.outcome, rows.exposure, rows.controls, None)
    if model.explained or model.df < 1:
        raise EstimationError("Covariates explain who is exposed, so there is no linear regression to ask.")
    error = standard_error(model, rows.clusters)
    partial = Partial(model.coefficient, classical(model), model.df)
    overall = Estimate(
        model.coefficient, None if error.reason else error.value, None if error.reason else error.df, error.reason
    )
    return replace(own, overall=overall, inference=error.words, adjusted=Adjusted(rows, partial=partial))


def _stands_in(own: Effect, of: Case) -> str:
    return f"For {own.estimator} least squares on the rows that it compares stand in ({number(of.partial.coefficient)})."


def _refuse(adjusted: Adjusted, benchmarks: tuple[str, ...], times: Sequence[float]) -> None:
    known = adjusted.rows.columns
    problems = [
        f"{NAME}: {b!r} is no covariate of the estimate. Covariates: {some(known, 20) or 'none'}."
        for b in benchmarks
        if b not in known
    ]
    problems += [f"{NAME}: times has {k:g}; it has to be more than 0." for k in times if k <= 0]
    if not len(times):
        problems.append(f"{NAME}: times is empty. Name how many times as strong, such as [1, 2, 3].")
    if problems:
        raise DesignError(problems)


def _values(of: Case, q: float, alpha: float) -> dict[str, Any]:
    partial = of.partial
    textbook = case(partial, None, None, alpha)
    return {
        "estimate": partial.coefficient, "std_error": of.inflation * partial.std_error, "textbook_std_error": partial.std_error, "df": partial.df,
        "inflation": of.inflation, "critical": of.critical, "t": partial.t, "partial_r2": partial.r2,
        "robustness_value": robustness_value(of.f, q), "of_interval": robustness_value(of.f, q, of.f_critical),
        "of_interval_textbook": robustness_value(of.f, q, textbook.f_critical), "extreme": extreme_value(of.f, q),
        "extreme_of_interval": extreme_value(of.f, q, of.f_critical),
    }  # fmt: skip


def _bounds(
    of: Case, model: Model, adjusted: Adjusted, benchmarks: tuple[str, ...], times: Sequence[float], q: float
) -> list[dict[str, Any]]:
    """A row a benchmark and strength: what a confounder so strong leaves of the effect."""
    rows = []
    for name in benchmarks:
        columns = columns_of(adjusted.rows.names, name)
        own = strength(model, columns)
        for k in times:
            bound = own.times(k)
            row = {
                "benchmark": name,
                "times": float(k),
                "r2_exposure": None,
                "r2_outcome": None,
                "estimate": None,
                "taken": None,
            }
            if bound is not None:
                row |= _left(of, bound.r2_exposure, bound.r2_outcome, q)
            rows.append(row)
    return rows


def _left(of: Case, r2_exposure: float, r2_outcome: float, q: float) -> dict[str, Any]:
    """What a confounder leaves; ``taken``: the share q of the effect, ``held``: the interval holds the rest 1 - q."""
    estimate = float(adjusted_estimate(of, r2_exposure, r2_outcome))
    error = float(adjusted_error(of, r2_exposure, r2_outcome))
    rest = (1 - q) * of.partial.coefficient
    toward = (estimate - rest) * float(np.sign(of.partial.coefficient))
    return {
        "r2_exposure": r2_exposure, "r2_outcome": r2_outcome, "estimate": estimate, "std_error": error,
        "t": float(adjusted_t(of, r2_exposure, r2_outcome)) if error else None, "ci_low": estimate - of.critical * error,
        "ci_high": estimate + of.critical * error, "taken": toward <= 0, "held": toward <= of.critical * error,
    }  # fmt: skip


def _judged(effect: Effect, of: Case, found: dict[str, Any]) -> Check:
    first = min((r["times"] for r in found["rows"]), default=1.0)
    told = [r for r in found["rows"] if r["times"] == first and r["estimate"] is not None]
    verdict = _verdict(told, found["of_interval"])
    text = _words(found, told, verdict)
    return Check(NAME, verdict, text, found["robustness_value"], effect.overall.p_value, found)


def _verdict(told: list[dict[str, Any]], of_interval: float) -> Verdict:
    if not told or not of_interval:
        return "inconclusive"
    if any(r["taken"] for r in told):
        return "fail"
    return "inconclusive" if any(r["held"] for r in told) else "pass"


def _words(found: dict[str, Any], told: list[dict[str, Any]], verdict: Verdict) -> str:
    what = "the effect" if found["q"] == 1 else f"{found['q']:.0%} of the effect"
    text = f"A confounder that explains {_percent(found['robustness_value'])} of what covariates leave of both exposure and outcome takes {what} away"
    if found["of_interval"]:
        text += f"; {_percent(found['of_interval'])} is enough for an interval that holds {'zero' if found['q'] == 1 else 'the rest'}."
    else:
        text += f". The interval holds {'zero' if found['q'] == 1 else 'that'} as it is."
    text += f" One that explains all that is left of the outcome needs {_percent(found['extreme'])} of the exposure."
    if not told:
        return f"{text} There is no observed covariate to compare it with."
    hit = [r["benchmark"] for r in told if r["taken" if verdict == "fail" else "held"]]
    one = "" if told[0]["times"] == 1 else f"{told[0]['times']:g} times "
    if verdict == "fail":
        return f"{text} A confounder {one}as strong as {some(hit)} would do that."
    worst = min(told, key=lambda r: r["estimate"] * np.sign(found["estimate"]))
    text += (
        f" One {one}as strong as {worst['benchmark']} leaves {number(worst['estimate'])} of {number(found['estimate'])}"
    )
    return f"{text}, with an interval that holds zero." if hit and found["of_interval"] else f"{text}."


def _percent(share: float) -> str:
    """A share in %, with three digits however small it is."""
    return f"{100 * share:.3g}%"
