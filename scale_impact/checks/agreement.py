"""Do the study's estimators tell one story? Their differences, with standard errors of the differences.

Two estimates from the same units may both be uncertain and still differ for certain, as they
share most of their error. What each unit adds to each estimate gives the covariance, and so the
standard error of the difference. Estimators weight cohorts and periods differently: where effects
differ they need not agree, and which average is wanted decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scale_impact.checks._reasons import because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.cohorts import Floats
from scale_impact.core.comparison import Joint, covariance, holm, wald
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number, some

NAME = "agreement"

WITHOUT_CONTROLS = True
"""It can be asked where there is nobody to compare with, too."""

EXPOSURE = True
"""It can be asked where exposures of one period are compared, too."""

SAME = "the two are the same number"

Refit = Callable[[Panel, Design], Effect]


def run(panel: Panel, design: Design, refit: Refit, *, refits: Mapping[str, Refit], alpha: Share = 0.05) -> Check:
    """Each estimator of the study held against the primary one, and all together.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the study's primary estimator.
    refits:
        All estimators of the study by name, the primary one first. A session fills this in.
    alpha:
        The check fails where the joint test or a difference (adjusted after Holm 1979) has a
        smaller p-value, or where two effects that are told apart from zero have opposite signs.

    Returns
    -------
    Check whose statistic and p-value are of the joint Wald test that all differences are zero,
    over the directions in which they vary: F with clusters less one degrees of freedom, as t for
    each difference. ``details.rows`` has one row an estimator.

    Source: Hausman (1978), with the covariance of both estimators in place of his shortcut.
    """
    effects = {name: again(panel, design) for name, again in refits.items()}
    first, *others = effects
    same = [n for n in others if _asked(effects[n], design) == _asked(effects[first], design)]
    if not same:
        return Check.inapplicable(NAME, f"There is one estimator of this effect ({first}); two are needed.")
    primary = effects[first]
    if primary.overall.value is None:
        return Check(NAME, "inconclusive", f"{first} has no estimate: {because(primary.overall.reason)}.")
    known = [n for n in same if _comparable(primary, effects[n]) is None]
    matrix = _differences(design, [primary, *(effects[n] for n in known)]) if known else np.zeros((0, 0))
    rows = [_row(n, effects[n], primary, matrix[known.index(n), known.index(n)] if n in known else None) for n in same]
    tested = [r for r in rows if r["p_value"] is not None]
    for row, adjusted in zip(tested, holm([r["p_value"] for r in tested]), strict=True):
        row["adjusted"] = adjusted
    joint = _joint(rows, known, matrix, primary.sample.n_clusters - 1)
    details = {
        "primary": first,
        "estimate": primary.overall.value,
        "std_error": primary.overall.std_error,
        "alpha": alpha,
        "rows": rows,
        "rank": None if joint is None else joint.rank,
        "other_estimands": [n for n in others if n not in same],
    }
    return _judged(first, primary.overall, rows, joint, details, alpha, _why(design))


def _asked(effect: Effect, design: Design) -> str:
    """What is estimated; where who is assigned counts as treated, intention to treat is the effect on the treated, or on all."""
    if effect.estimand != "ITT":
        return effect.estimand
    return "ATT" if design.exposed is None else "ATE"


def _comparable(primary: Effect, other: Effect) -> str | None:
    """Why a difference has no standard error; None where it has one."""
    for effect in (primary, other):
        if effect.overall.std_error is None:
            return f"{effect.estimator}: {effect.overall.reason}"
        if effect.influence is None:
            return f"{effect.estimator} does not say what each unit adds to its error"
    return None


def _differences(design: Design, effects: list[Effect]) -> Floats:
    """Covariance of the differences from the first effect, [K, K]."""
    matrix = covariance(design, [e.influence for e in effects if e.influence is not None])
    contrast = np.hstack([-np.ones((len(effects) - 1, 1)), np.eye(len(effects) - 1)])
    return np.asarray(contrast @ matrix @ contrast.T)


def _row(name: str, effect: Effect, primary: Effect, variance: float | None) -> dict[str, Any]:
    """An estimator, its effect and its difference from the primary one."""
    change = _difference(effect, primary, variance)
    return {
        "estimator": name,
        "estimate": effect.overall.value,
        "std_error": effect.overall.std_error,
        "difference": change.value,
        "difference_std_error": change.std_error,
        "p_value": change.p_value,
        "adjusted": None,
        "opposite": _opposite(effect.overall, primary.overall),
        "own_p_value": effect.overall.p_value,
        "reason": change.reason,
    }


def _difference(effect: Effect, primary: Effect, variance: float | None) -> Estimate:
    if effect.overall.value is None or primary.overall.value is None:
        return Estimate(None, reason=effect.overall.reason)
    value = effect.overall.value - primary.overall.value
    why = _comparable(primary, effect)
    if variance is None or why is not None:
        return Estimate(value, reason=why)
    errors = [e.overall.std_error or 0.0 for e in (effect, primary)]
    if abs(value) <= 1e-8 * max(errors):
        return Estimate(value, reason=SAME)
    if variance <= 1e-14 * sum(s * s for s in errors):
        return Estimate(value, reason="the two have the same error")
    return Estimate(value, float(np.sqrt(variance)), primary.sample.n_clusters - 1)


def _opposite(a: Estimate, b: Estimate) -> bool:
    return a.value is not None and b.value is not None and a.value * b.value < 0


def _joint(rows: list[dict[str, Any]], known: list[str], matrix: Floats, df: int) -> Joint | None:
    """Wald test over the estimators that are not the primary one in another name."""
    tested = {r["estimator"]: r["difference"] for r in rows if r["p_value"] is not None}
    at = [k for k, name in enumerate(known) if name in tested]
    if not at:
        return None
    return wald(np.array([tested[known[k]] for k in at]), matrix[np.ix_(at, at)], df)


# ---- verdict -----------------------------------------------------------------------------------


def _judged(
    first: str,
    primary: Estimate,
    rows: list[dict[str, Any]],
    joint: Joint | None,
    details: dict[str, Any],
    alpha: float,
    why: str,
) -> Check:
    differ = [r for r in rows if r["adjusted"] is not None and r["adjusted"] < alpha]
    clash = [r for r in rows if r["opposite"] and _sure(r["own_p_value"], alpha) and _sure(primary.p_value, alpha)]
    statistic, p = (None, None) if joint is None else (joint.statistic, joint.p_value)
    untold = [r for r in rows if r["p_value"] is None and r["reason"] != SAME]
    if untold and joint is None and not clash:
        reason = f"No difference from {first} has a standard error: {because(untold[0]['reason'])}."
        return Check(NAME, "inconclusive", reason, statistic, p, details)
    verdict: Verdict = "fail" if differ or clash or (p is not None and p < alpha) else "pass"
    reason = _words(first, primary, rows, differ, joint, verdict, why) + _without_test(untold)
    return Check(NAME, verdict, reason, statistic, p, details)


def _without_test(untold: list[dict[str, Any]]) -> str:
    """Which estimators could not be compared, and why the first of them."""
    if not untold:
        return ""
    return f" Without a test: {some([r['estimator'] for r in untold])} ({because(untold[0]['reason'])})."


def _sure(p: float | None, alpha: float) -> bool:
    return p is not None and p < alpha


def _words(
    first: str,
    primary: Estimate,
    rows: list[dict[str, Any]],
    differ: list[dict[str, Any]],
    joint: Joint | None,
    verdict: Verdict,
    why: str,
) -> str:
    assert primary.value is not None
    values = [primary.value, *(r["estimate"] for r in rows if r["estimate"] is not None)]
    whole = f"{counted(len(rows) + 1, 'estimator')} give between {number(min(values))} and {number(max(values))}"
    test = "" if joint is None else f" (joint p = {joint.p_value:.3f})"
    against = [r["estimator"] for r in rows if r["opposite"]]
    signs = f" {some(against)} {'has' if len(against) == 1 else 'have'} the other sign than {first}." if against else ""
    if verdict == "pass":
        return f"{whole}, no further apart than their common error allows{test}.{signs}"
    named = [
        f"{r['estimator']} is {number(abs(r['difference']))} {'above' if r['difference'] > 0 else 'below'} {first} (p = {r['adjusted']:.3f})"
        for r in differ
    ]
    apart = f" {'; '.join(named)}." if named else ""
    return f"{whole}, further apart than their common error allows{test}.{apart}{signs} {why}"


def _why(design: Design) -> str:
    """What can be the reason where estimators differ."""
    if design.exposed is not None:
        return (
            "They weight rows differently and model different things, so effects that differ between rows can be the reason as well as a "
            "model that does not fit."
        )
    return (
        "They weight cohorts and periods differently, so effects that differ between cohorts or over time can be the reason as well as "
        "trends that were not parallel."
    )
