"""What checks of a threshold share: the estimate at it, and its numbers as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scale_impact.core.causal.discontinuity.found import Discontinuity
from scale_impact.core.causal.discontinuity.jump import Jump
from scale_impact.core.check import Check
from scale_impact.core.comparison import holm
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.panel import Panel
from scale_impact.errors import EstimationError

Refit = Callable[[Panel, Design], Effect]

NO_THRESHOLD = "The design has no threshold that decides who is treated (`treatment: {running: ..., threshold: ...}`)."


def at_threshold(name: str, panel: Panel, design: Design, refit: Refit) -> Discontinuity | Check:
    """The estimated jump, or why there is none to check."""
    if design.running is None:
        return Check.inapplicable(name, NO_THRESHOLD)
    found = refit(panel, design).discontinuity
    if found is None:
        return Check.inapplicable(
            name, "The estimator does not compare the two sides of the threshold. Use regression_discontinuity."
        )
    return found


def tried(ask: Callable[[], Jump]) -> Jump | str:
    """A jump, or why it cannot be estimated."""
    try:
        return ask()
    except EstimationError as error:
        return " ".join(error.problems)


def row_of(found: Jump | str, level: float) -> dict[str, Any]:
    """A jump's bias-corrected estimate with its robust interval, as JSON; without numbers the reason.

    Of many jumps the smallest p-value counts, and few observations next to the threshold carry each: a t distribution with their
    effective number takes the place of the normal one, which would call too many of them different from zero.
    """
    if isinstance(found, str):
        return {"estimate": None, "std_error": None, "ci_low": None, "ci_high": None, "p_value": None, "reason": found}
    df = found.effective if found.n_clusters is None else min(found.effective, found.n_clusters - 1.0)
    estimate = Estimate(found.estimate.corrected, found.estimate.robust_error or None, df)
    ends = estimate.interval(level) or (None, None)
    return {
        "estimate": estimate.value, "std_error": estimate.std_error, "ci_low": ends[0], "ci_high": ends[1], "p_value": estimate.p_value,
        "bandwidths": list(found.bandwidths.h), "bias_bandwidths": list(found.bandwidths.b), "n": list(found.n_within),
        "reason": None if estimate.std_error else "it does not vary near the threshold",
    }  # fmt: skip


def adjusted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that have a p-value, with that adjusted for their number (Holm 1979) added to all."""
    for row in rows:
        row["adjusted"] = None
    known = [r for r in rows if r["p_value"] is not None]
    for row, p in zip(known, holm([r["p_value"] for r in known]), strict=True):
        row["adjusted"] = float(p)
    return known


def smallest(known: list[dict[str, Any]]) -> Mapping[str, Any]:
    """The row with the smallest adjusted p-value."""
    return min(known, key=lambda r: (r["adjusted"], r["p_value"]))
