"""Did units react before the measure began? The study with anticipation allowed for.

A city that knows what is coming may act on it: buyers hurry, firms wait. The last periods before
treatment are then no longer untreated, and an effect measured from them is too small or too
large. With k periods of anticipation effects are measured from the period before those; what
happens in the k periods becomes an effect of its own, and the overall effect must not change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from scale_impact.checks._reasons import ask_instead, because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.comparison import Joint, covariance, wald
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import counted, number, plain
from scale_impact.errors import ScaleImpactError

NAME = "anticipation"


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    periods: Count = 2,
    alpha: Share = 0.05,
) -> Check:
    """Effects in the last periods before treatment, and the overall effect measured from before them.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    periods:
        Periods of anticipation to allow for, on top of the design's own; fewer where no cohort is
        observed long enough before treatment. Cohorts that are not are left out of both sides.
    alpha:
        The check fails where one of two p-values is below half of it (Bonferroni): that of the
        joint Wald test that the effects in these periods are zero, and that of the change of the
        overall effect, whose standard error comes from what each unit adds to both (t, clusters less one).

    Returns
    -------
    Check whose p-value is twice the smaller of the two. ``details.rows`` has the overall effect
    for each number of periods with its difference from the study's; ``details.before`` the
    effects in the periods before treatment.

    Source: Callaway and Sant'Anna (2021), assumption 3 (limited anticipation) and section 2.
    """
    if design.reversals is not None:
        return Check.inapplicable(NAME, design.reversals)
    longest = _longest(design)
    k = min(periods, longest)
    if k < 1:
        return Check.inapplicable(
            NAME, "No cohort is observed long enough before treatment to move its base period back."
        )
    usual = _among(design, k)
    base = _allow(panel, usual, refit, 0)
    if isinstance(base, str):
        return Check(NAME, "inconclusive", f"Without the cohorts observed too briefly: {because(base)}.")
    if (other := ask_instead(NAME, base, "in_time_placebo")) is not None:
        return other
    allowed = [_allow(panel, usual, refit, j) for j in range(1, k + 1)]
    if isinstance(allowed[-1], str):
        return Check(NAME, "inconclusive", f"With {counted(k, 'period')} of anticipation: {because(allowed[-1])}.")
    if _unmoved(base, allowed[-1]):
        return Check.inapplicable(
            NAME, "The estimator gives the same with anticipation allowed for: it does not measure from a base period."
        )
    rows = [_row(usual, j + 1, base, found) for j, found in enumerate(allowed)]
    before = _last_periods(panel, usual, allowed[-1], k)
    joint = None if before is None or before.covariance is None else wald(before.values, before.covariance, before.df)
    return _judged(design, usual, rows, before, joint, alpha)


def _longest(design: Design) -> int:
    """Periods of anticipation that leave the cohort with the longest time before treatment a base period.

    Where nobody is never treated the last cohort is but a control.
    """
    cohorts = np.intersect1d(design.adopting, design.cohort_codes)
    if design.never_treated is None:
        cohorts = cohorts[:-1]
    return int(design.starts[cohorts].max(initial=0)) - 1 - design.anticipation


def _among(design: Design, k: int) -> Design:
    """The design with the cohorts that k more periods of anticipation leave a base period."""
    short = (design.starts > 0) & (design.starts < design.anticipation + k + 1)
    left_out = (design.cohort_codes >= 0) & short[design.cohort_codes]
    return design.without(np.flatnonzero(left_out)) if left_out.any() else design


def _allow(panel: Panel, design: Design, refit: Callable[[Panel, Design], Effect], more: int) -> Effect | str:
    """The estimate with more anticipation, or why there is none."""
    try:
        return refit(panel, replace(design, anticipation=design.anticipation + more))
    except ScaleImpactError as error:
        return str(error)


def _unmoved(base: Effect, other: Effect | str) -> bool:
    return not isinstance(other, str) and base.overall.value == other.overall.value and _same_path(base, other)


def _same_path(a: Effect, b: Effect) -> bool:
    return (a.path is None) == (b.path is None) and (
        a.path is None
        or b.path is None
        or (a.path.event_times == b.path.event_times and np.array_equal(a.path.values, b.path.values))
    )


# ---- numbers -----------------------------------------------------------------------------------


def _row(design: Design, more: int, base: Effect, found: Effect | str) -> dict[str, Any]:
    """The overall effect with so much more anticipation, and how far it is from the study's."""
    overall = Estimate(None, reason=found) if isinstance(found, str) else found.overall
    change = _change(design, base, found)
    return {
        "periods": design.anticipation + more,
        "estimate": overall.value,
        "std_error": overall.std_error,
        "difference": change.value,
        "difference_std_error": change.std_error,
        "p_value": change.p_value,
        "reason": overall.reason or change.reason,
    }


def _change(design: Design, base: Effect, found: Effect | str) -> Estimate:
    """Difference of the two overall effects, of the same units."""
    if isinstance(found, str) or found.overall.value is None or base.overall.value is None:
        return Estimate(None, reason="no estimate")
    value = found.overall.value - base.overall.value
    if found.overall.std_error is None or base.overall.std_error is None:
        return Estimate(value, reason=found.overall.reason or base.overall.reason)
    if found.influence is None or base.influence is None:
        return Estimate(value, reason="the estimator does not say what each unit adds to its error")
    sides = np.array([-1.0, 1.0])
    variance = float(sides @ covariance(design, [base.influence, found.influence]) @ sides)
    floor = 1e-12 * (base.overall.std_error**2 + found.overall.std_error**2)
    if variance <= floor:
        return Estimate(value, reason="the two estimates have the same error")
    return Estimate(value, float(np.sqrt(variance)), base.sample.n_clusters - 1)


def _last_periods(panel: Panel, design: Design, found: Effect | str, k: int) -> Family | None:
    """Effects in the k periods before treatment (before the design's own anticipation), that have a standard error."""
    if isinstance(found, str) or found.path is None:
        return None
    starts = [int(design.starts[g]) for g in np.intersect1d(design.adopting, design.cohort_codes)]
    steps = range(design.anticipation + 1, design.anticipation + k + 1)
    course = found.counterfactual
    clock = panel.clock if course is None or course.clock is None else course.clock
    times = {float(elapsed(clock, s - j, s)) for s in starts for j in steps if s >= j}
    path = found.path
    chosen = [i for i, e in enumerate(path.event_times) if float(e) in times and path.reasons[i] is None]
    return path.select(np.array(chosen, dtype=int)) if chosen else None


# ---- verdict -----------------------------------------------------------------------------------


def _judged(
    design: Design, usual: Design, rows: list[dict[str, Any]], before: Family | None, joint: Joint | None, alpha: float
) -> Check:
    last = rows[-1]
    tests = [p for p in (None if joint is None else joint.p_value, last["p_value"]) if p is not None]
    gone = _gone(design, usual)
    details = {
        "alpha": alpha,
        "rows": rows,
        "before": [] if before is None else [
            {"event_time": plain(t), "estimate": e.value, "std_error": e.std_error, "p_value": e.p_value}
            for t, e in zip(before.event_times, before, strict=True)
        ],
        "joint_p_value": None if joint is None else joint.p_value,
        "left_out": gone,
    }  # fmt: skip
    if not tests:
        return Check(
            NAME,
            "inconclusive",
            f"Neither the change nor the effects have a standard error: {because(last['reason'])}.",
            details=details,
        )
    p = min(1.0, len(tests) * min(tests))
    verdict: Verdict = "fail" if p < alpha else "pass"
    return Check(NAME, verdict, _words(rows, before, joint, verdict, gone), last["difference"], p, details)


def _gone(design: Design, usual: Design) -> list[str]:
    gone = np.setdiff1d(design.cohort_codes[design.cohort_codes >= 0], usual.cohort_codes)
    return [design.cohort_name(int(g)) for g in gone]


def _words(
    rows: list[dict[str, Any]], before: Family | None, joint: Joint | None, verdict: Verdict, gone: list[str]
) -> str:
    last = rows[-1]
    k = counted(last["periods"], "period")
    said = []
    if joint is not None and before is not None:
        largest = max(range(len(before)), key=lambda i: abs(before.values[i]))
        size = f"{number(float(before.values[largest]))} at event time {plain(before.event_times[largest])}"
        said.append(
            f"the {counted(len(before), 'effect')} in the last periods before it (largest {size}) have p = {joint.p_value:.3f} jointly"
        )
    if last["p_value"] is not None:
        base = last["estimate"] - last["difference"]
        said.append(
            f"the overall effect goes from {number(base)} to {number(last['estimate'])} (difference {number(last['difference'])}, "
            f"p = {last['p_value']:.3f})"
        )
    short = (
        f" Without the {counted(len(gone), 'cohort')} observed too briefly before it ({', '.join(gone)})."
        if gone
        else ""
    )
    end = "units moved before the measure began" if verdict == "fail" else "no reaction before the measure is seen"
    return f"Measured from before {k} of anticipation, {' and '.join(said)}: {end}.{short}"
