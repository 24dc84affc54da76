"""What refuters share: the effect to be asked, and the verdict on an estimate that should stay where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.refutation.refute import Floats, asked, rank_p, summary, too_many_failed, unanswerable
from scale_impact.core.causal.retrials import Retrials
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.words import number

UNSTABLE = " A covariate that has to do with nothing moves it so much: the estimator is not stable (matching is not, with few rows)."
RESTS = " That is more than the study's standard error allows for: look for single rows or clusters on which it rests."

Refit = Callable[[Panel, Design], Effect]
Make = Callable[[Adjusted, np.random.Generator, int], Retrials]

EXACT, ROUNDING = 1e-12, 1e-15
"""Estimates and errors below these shares of the outcome's spread, and of the outcome itself, are rounding."""

WIDER = 1.5
"""Draws that spread this much more than the standard error says make it doubtful; 200 draws know their spread to 5 %."""


def effect_of(name: str, panel: Panel, design: Design, refit: Refit) -> Effect | Check:
    """The study's effect where it can be asked again of changed data."""
    effect = refit(panel, design)
    why = unanswerable(effect)
    if why is None and effect.overall.value is None:
        why = f"{effect.estimator} has no estimate: {effect.overall.reason or 'no reason is given'}"
    return effect if why is None else Check.inapplicable(name, why)


def drawn(effect: Effect, make: Make, draws: int, seed: int) -> Floats | str:
    """The estimate in so many versions of the data, or why they say nothing."""
    adjusted = effect.adjusted
    assert adjusted is not None
    rng = np.random.default_rng(seed)
    found = asked(adjusted, lambda b: make(adjusted, rng, b), draws)
    found[np.abs(found) <= rounding(effect)] = 0.0
    return too_many_failed(found) or found


def rounding(effect: Effect) -> float:
    """The size below which an estimate, or its error, is rounding: in units of the outcome a unit of exposure."""
    assert effect.adjusted is not None
    rows = effect.adjusted.rows
    size = EXACT * float(rows.outcome.std()) + ROUNDING * float(np.abs(rows.outcome).max())
    return size / float(rows.exposure.std())


def told(effect: Effect) -> tuple[float, float | None]:
    """The estimate and its standard error as refuters take them: rounding is zero, and no standard error."""
    value, error, least = effect.overall.value, effect.overall.std_error, rounding(effect)
    assert value is not None
    return (value if abs(value) > least else 0.0), (error if error is not None and error > least else None)


def known(draws: Floats) -> Floats:
    """Draws that have an estimate."""
    return draws[np.isfinite(draws)]


def stays(
    name: str, effect: Effect, draws: Floats, *, tolerance: float, expected: float | None, said: str, **more: Any
) -> Check:
    """The verdict on draws that should lie around the estimate.

    Parameters
    ----------
    tolerance:
        By how many standard errors their mean may lie from the estimate.
    expected:
        How many standard errors they spread where the standard error is right; None: they should hardly spread at all.
    said:
        What was done, as the beginning of a sentence.
    """
    value, error = told(effect)
    seen = known(draws)
    p_value = rank_p(value, seen)
    found = summary(value, draws)
    shift = None if error is None else abs(found["new_effect"] - value) / error
    spread = None if error is None else found["std_dev"] / error
    details = {
        **found, "draws": len(draws), "tolerance": tolerance, "shift": shift, "spread": spread, "expected_spread": expected,
        "std_error": error, "interval": _interval(effect), **more,
    }  # fmt: skip
    verdict = _verdict(shift, spread, tolerance, expected)
    text = f"{said} ({len(draws):,} times) the effect is {number(found['new_effect'])} on average, where the study has {number(value)}: {_moved(shift)}."
    return Check(name, verdict, text + _of_spread(spread, expected, verdict), found["new_effect"], p_value, details)


def _interval(effect: Effect) -> list[float] | None:
    ends = effect.overall.interval(0.95)
    return None if ends is None else [float(e) for e in ends]


def _verdict(shift: float | None, spread: float | None, tolerance: float, expected: float | None) -> Verdict:
    """Fail where the estimate moves by more than the tolerance, inconclusive where draws spread too widely."""
    if shift is None or spread is None:
        return "inconclusive"
    if shift > tolerance:
        return "fail"
    return "inconclusive" if spread > (tolerance if expected is None else WIDER * expected) else "pass"


def _moved(shift: float | None) -> str:
    if shift is None:
        return "the study has no standard error (beyond rounding) to hold the difference against"
    return f"a move of {number(shift)} standard errors"


def _of_spread(spread: float | None, expected: float | None, verdict: Verdict) -> str:
    if spread is None:
        return ""
    usual = "" if expected is None else f" ({number(expected)} would be usual)"
    text = f" Single estimates spread by {number(spread)} standard errors around that{usual}."
    if verdict == "inconclusive":
        text += UNSTABLE if expected is None else RESTS
    return text
