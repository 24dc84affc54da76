"""Would the study find an effect before there was one? Treatment is pretended to have begun earlier.

Each cohort is compared, over the periods before its treatment alone, with the units that are its
controls there, as if it had been treated 1, 2, ... periods before it was. Units of other cohorts
that are not treated yet within these periods count as untreated where the design compares with
them. An effect at a pretended date means that trends differed before the measure, or that units
reacted to its announcement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scale_impact.checks._reasons import ask_instead, because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.comparison import covariance, holm
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.placebo import NEVER, Part, part, suppose, unit_starts
from scale_impact.core.words import counted, number, plain
from scale_impact.errors import ScaleImpactError

NAME = "placebo_dates"

Refit = Callable[[Panel, Design], Effect]


def run(panel: Panel, design: Design, refit: Refit, *, dates: Count = 10, alpha: Share = 0.05) -> Check:
    """Effects at earlier, pretended dates, from the periods before treatment alone.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    dates:
        At most so many earlier dates, the nearest ones: 1, 2, ... periods before (anticipated)
        treatment.
    alpha:
        The check fails where a p-value, adjusted for the number of dates (Holm 1979), is below it.

    Returns
    -------
    Check whose p-value is the smallest adjusted one and whose statistic is that date's t.
    ``details.rows`` has for each number of periods the mean over the cohorts that were observed
    long enough, by their units, with a standard error that knows that they share controls
    (t, clusters less one; one cohort alone has the estimator's own).

    Source: Abadie, Diamond and Hainmueller (2015), "in-time placebo".
    """
    if design.reversals is not None:
        return Check.inapplicable(NAME, design.reversals)
    tries = _tries(panel, design, dates)
    if not tries:
        return Check.inapplicable(
            NAME, "No cohort has two periods before (anticipated) treatment and a control in them."
        )
    if (other := ask_instead(NAME, refit(panel, design), "in_time_placebo")) is not None:
        return other
    fits = [_fit(panel, design, refit, t) for t in tries]
    steps = sorted({f.earlier for f in fits})
    rows = [_row(design, [f for f in fits if f.earlier == k], k, alpha) for k in steps]
    tested = [r for r in rows if r["p_value"] is not None]
    for row, adjusted in zip(tested, holm([r["p_value"] for r in tested]), strict=True):
        row["adjusted"] = adjusted
    details = {"alpha": alpha, "rows": rows, "cohorts": [_cell(design, f) for f in fits]}
    return _judged(rows, tested, details, alpha)


@dataclass(frozen=True, eq=False)
class Try:
    """A cohort, the periods before its treatment with its controls, and how much earlier it is pretended to begin."""

    cohort: int
    some: Part
    members: int
    earlier: int


@dataclass(frozen=True, eq=False)
class Fit:
    """What the estimator says of it."""

    cohort: int
    some: Part
    members: int
    earlier: int
    effect: Effect | None
    reason: str | None


def _tries(panel: Panel, design: Design, dates: int) -> list[Try]:
    found = []
    for g in np.intersect1d(design.adopting, design.cohort_codes):
        end = int(design.starts[g]) - design.anticipation
        if end < 2:
            continue
        member, control = design.cohort_codes == g, _controls(design, int(g))
        if control.any():
            some = part(panel, member | control, end)
            count = int(member[some.units].sum())
            found += [Try(int(g), some, count, k) for k in range(1, min(len(some.periods) - 1, dates) + 1) if count]
    return found


def _controls(design: Design, g: int) -> Any:
    """Units that are a cohort's controls over the periods before it: never treated, or also treated no earlier."""
    starts = unit_starts(design)
    later = starts == NEVER if design.control == "never" else starts >= design.starts[g]
    return later & (design.cohort_codes != g)


def _fit(panel: Panel, design: Design, refit: Refit, attempt: Try) -> Fit:
    some = attempt.some
    member = design.cohort_codes[some.units] == attempt.cohort
    starts = np.where(member, float(len(some.periods) - attempt.earlier), NEVER)
    placebo = suppose(design, some, starts, anticipation=0)
    try:
        effect, reason = refit(some.panel, placebo), None
    except ScaleImpactError as error:
        effect, reason = None, str(error)
    return Fit(attempt.cohort, some, attempt.members, attempt.earlier, effect, reason)


# ---- one date ----------------------------------------------------------------------------------


def _row(design: Design, fits: list[Fit], earlier: int, alpha: float) -> dict[str, Any]:
    """The mean over cohorts for one number of periods."""
    estimate = _mean(design, [f for f in fits if f.effect is not None and f.effect.overall.value is not None], fits)
    low, high = estimate.interval(1 - alpha) or (None, None)
    return {
        "earlier": earlier,
        "estimate": estimate.value,
        "std_error": estimate.std_error,
        "ci_low": low,
        "ci_high": high,
        "p_value": estimate.p_value,
        "adjusted": None,
        "cohorts": len(fits),
        "reason": estimate.reason,
    }


def _mean(design: Design, known: list[Fit], fits: list[Fit]) -> Estimate:
    """Mean over cohorts by units; its standard error from what each unit adds to each."""
    if not known:
        return Estimate(None, reason=fits[0].reason or "no estimate")
    effects = [f.effect for f in known if f.effect is not None]
    if len(effects) == 1:
        return effects[0].overall
    share = np.array([f.members for f in known]) / sum(f.members for f in known)
    value = float(share @ np.array([e.overall.value for e in effects], dtype=float))
    if all(e.overall.std_error is None for e in effects):
        return Estimate(value, reason=effects[0].overall.reason)
    parts = [e.influence for e in effects if e.influence is not None]
    if len(parts) < len(effects):
        return Estimate(value, reason="the estimator does not say what each unit adds to its error")
    matrix = covariance(design, parts, [f.some.units for f in known])
    return Estimate(value, float(np.sqrt(share @ matrix @ share)), max(e.sample.n_clusters for e in effects) - 1)


def _cell(design: Design, fit: Fit) -> dict[str, Any]:
    overall = Estimate(None, reason=fit.reason) if fit.effect is None else fit.effect.overall
    return {
        "cohort": design.cohort_name(fit.cohort),
        "earlier": fit.earlier,
        "from": plain(fit.some.panel.periods[len(fit.some.periods) - fit.earlier]),
        "estimate": overall.value,
        "std_error": overall.std_error,
        "p_value": overall.p_value,
        "reason": overall.reason,
    }


# ---- verdict -----------------------------------------------------------------------------------


def _judged(rows: list[dict[str, Any]], tested: list[dict[str, Any]], details: dict[str, Any], alpha: float) -> Check:
    if not tested:
        return Check(
            NAME, "inconclusive", f"No earlier date has a test: {because(rows[0]['reason'])}.", details=details
        )
    worst = min(tested, key=lambda r: (r["adjusted"], r["p_value"]))
    verdict: Verdict = "fail" if worst["adjusted"] < alpha else "pass"
    t = worst["estimate"] / worst["std_error"] if worst["std_error"] else None
    return Check(NAME, verdict, _words(tested, worst, alpha), t, worst["adjusted"], details)


def _words(tested: list[dict[str, Any]], worst: dict[str, Any], alpha: float) -> str:
    many = "" if len(tested) == 1 else f", {worst['adjusted']:.3f} adjusted for {len(tested)} dates after Holm"
    when = counted(worst["earlier"], "period")
    if worst["adjusted"] < alpha:
        return (
            f"Pretending that the measure began {when} earlier gives an effect of {number(worst['estimate'])} "
            f"(p = {worst['p_value']:.3f}{many}), though nothing had happened yet: the groups moved apart before the measure."
        )
    values = [r["estimate"] for r in tested]
    span = number(values[0]) if len(values) == 1 else f"between {number(min(values))} and {number(max(values))}"
    return (
        f"At {counted(len(tested), 'pretended date')}, up to {counted(tested[-1]['earlier'], 'period')} early, the effects are {span}; the "
        f"most unusual, {when} early, has p = {worst['p_value']:.3f}{many}: nothing is found where nothing had happened."
    )
