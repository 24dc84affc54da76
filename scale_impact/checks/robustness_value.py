"""How strong an unobserved confounder would have to be to take the effect away, and whether any observed covariate is that strong.

The robustness value is a share of variance: a confounder that explains this much of what covariates leave of the exposure, and
as much of what they leave of the outcome, takes the effect away; a weaker one cannot. It means something beside what is
observed: a confounder as strong as the strongest covariate, or two or three times so.

An estimator that is no linear regression has none: least squares on the same comparison stand in for it, and speak for it only
where they agree with it and it has found something.

Of the estimate it holds exactly, whatever the errors are. Of the interval it holds exactly under the textbook's standard errors;
with robust or clustered ones the share by which they are larger is taken to stay as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Le

from scale_impact.checks._refuters import Refit
from scale_impact.core.causal.adjusted import Adjusted, Partial
from scale_impact.core.causal.cross_section import CrossSection, cross_section
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
from scale_impact.errors import DesignError

NAME = "robustness_value"

EXPOSURE = True


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    judged: Refit,
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
        The data, the design, and an estimator. Where it does not rest on one linear regression of rows, least squares stand in for it,
        on the rows that it compares or, where it does not say which these are, on changes (adoption designs).
    judged:
        As ``refit``, with the study's interval, which says whether least squares may stand in.
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
    inconclusive in between, where the interval holds zero as it is, and without covariates; where least squares stand in, also where
    the study's interval holds zero, or does not hold their estimate. ``statistic`` is the robustness value of the (stand-in's)
    estimate, ``p_value`` the study's; ``details`` has that of the interval, both for the textbook's and for the study's standard errors, the
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
    if isinstance(effect, str):
        return Check.inapplicable(NAME, effect)
    check = _of_regression(effect, tuple(benchmarks), times, q, alpha)
    if linear or effect.adjusted is None or check.verdict == "inapplicable":
        return check
    own_rows = own.adjusted is not None and not covariates
    return _in_its_place(check, StandIn(judged(panel, design), effect.adjusted.rows, own_rows), alpha)


def _of_regression(
    effect: Effect, benchmarks: tuple[str, ...], times: Sequence[float], q: float, alpha: float
) -> Check:
    """The check of a linear regression."""
    adjusted = effect.adjusted
    if adjusted is None or adjusted.partial is None or adjusted.partial.df < 3:
        return Check.inapplicable(NAME, "There are too few rows for a linear regression; e_value takes any estimator.")
    _refuse(adjusted, benchmarks, times)
    of = case(adjusted.partial, effect.overall.std_error, effect.overall.df, alpha)
    model = same_regression(adjusted)
    rows = [] if model is None else _bounds(of, model, adjusted, benchmarks or adjusted.rows.columns, times, q)
    found = {**_values(of, q, alpha), "rows": rows, "q": q, "alpha": alpha, "inference": effect.inference}
    return _judged(effect, of, found)


def _regression(panel: Panel, design: Design, own: Effect, covariates: tuple[str, ...]) -> Effect | str:
    """Least squares on the rows that an estimator compares, for one that is no linear regression; or why there are none.

    Raises
    ------
    DesignError
        There are no such rows; see ``cross_section``.
    """
    rows = (
        own.adjusted.rows
        if own.adjusted is not None and not covariates
        else cross_section(panel, design, NAME, covariates)
    )
    model = Model(rows.outcome, rows.exposure, rows.controls, None)
    if model.explained or model.df < 1:
        return "Covariates explain who is exposed, so there is no linear regression to ask."
    if model.exact:
        return "Least squares fit each row exactly, so that nothing of the outcome is left which a confounder could explain."
    error = standard_error(model, rows.clusters)
    partial = Partial(model.coefficient, classical(model), model.df)
    overall = Estimate(
        model.coefficient, None if error.reason else error.value, None if error.reason else error.df, error.reason
    )
    return replace(own, overall=overall, inference=error.words, adjusted=Adjusted(rows, partial=partial))


# ---- least squares in the place of another estimator ---------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class StandIn:
    """The study's effect with its interval, the rows of least squares in its place, and whether those are the study's own."""

    study: Effect
    rows: CrossSection
    own_rows: bool

    def words(self, value: float) -> str:
        """What stands in for what."""
        which = (
            "the rows that it compares"
            if self.own_rows
            else "changes since before treatment"
            if self.rows.changes
            else "all rows"
        )
        given = f" given {some(self.rows.columns)}" if self.rows.columns and not self.own_rows else ""
        return f"For {self.study.estimator} least squares on {which}{given} stand in ({number(value)})."

    def doubt(self, value: float, level: float) -> str | None:
        """Why they say nothing of the study's effect; None where they do."""
        ends, overall = self.study.overall.interval(level), self.study.overall
        if overall.value is None or ends is None:
            return "The study's effect has no interval to hold them against, so that they say nothing of it."
        told = f"{number(overall.value)}, {number(ends[0])} to {number(ends[1])}"
        if not ends[0] <= value <= ends[1]:
            return f"They lie outside the study's interval ({told}): they estimate something else, and say nothing of the study's effect."
        if ends[0] <= 0 <= ends[1]:
            return f"The study's own interval ({told}) holds zero as it is: there is nothing to take away."
        return None


def _in_its_place(check: Check, of: StandIn, alpha: float) -> Check:
    """A verdict on least squares as one on the study's effect, with the study's p-value."""
    value, overall = float(check.details["estimate"]), of.study.overall
    doubt = of.doubt(value, 1 - alpha)
    ends = overall.interval(1 - alpha)
    reason = " ".join(filter(None, (of.words(value), doubt, check.reason)))
    details = {
        **check.details,
        "study": overall.value,
        "study_interval": None if ends is None else [_finite(e) for e in ends],
    }
    return replace(
        check,
        verdict="inconclusive" if doubt else check.verdict,
        reason=reason,
        p_value=overall.p_value,
        details=details,
    )


def _finite(end: float) -> float | None:
    return float(end) if np.isfinite(end) else None


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
    text += f" One {one}as strong as {worst['benchmark']} {_becomes(found['estimate'], worst['estimate'])}"
    return f"{text}, with an interval that holds zero." if hit and found["of_interval"] else f"{text}."


def _becomes(estimate: float, left: float) -> str:
    """What is left of an estimate; where its sign turns or it grows, that is no part of it."""
    if 0 <= left * np.sign(estimate) <= abs(estimate):
        return f"leaves {number(left)} of {number(estimate)}"
    return f"moves {number(estimate)} to {number(left)}"


def _percent(share: float) -> str:
    """A share in %, with three digits however small it is."""
    return f"{100 * share:.3g}%"
