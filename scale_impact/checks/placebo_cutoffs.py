"""Does the outcome jump where nothing is decided?

The estimator looks for jumps at other values of the running variable, among the untreated alone and among the treated alone, so that the
real jump cannot leak in. Jumps there say that the outcome's course is rougher than local polynomials allow for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scale_impact.checks._threshold import adjusted, at_threshold, row_of, smallest, tried
from scale_impact.core.causal.discontinuity.found import Discontinuity
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number
from scale_impact.errors import UsageError

NAME = "placebo_cutoffs"

EXPOSURE = True

QUANTILES = (0.25, 0.5, 0.75)
"""Where on each side pretended thresholds lie, if none are given."""

Refit = Callable[[Panel, Design], Effect]


def run(
    panel: Panel, design: Design, refit: Refit, *, cutoffs: Sequence[float] | None = None, alpha: Share = 0.05
) -> Check:
    """Jumps of the outcome at pretended thresholds.

    Parameters
    ----------
    panel, design, refit:
        The data, the threshold, and the estimator with its kernel and degree (bandwidths are chosen anew).
    cutoffs:
        Values of the running variable; default the quartiles of each side.
    alpha:
        The check fails where a p-value, adjusted for the number of thresholds (Holm 1979), is below it.

    Returns
    -------
    Check whose p-value is the smallest adjusted one. Where the design is fuzzy, jumps are of the outcome, not per unit of exposure.

    Raises
    ------
    UsageError
        A cutoff lies outside the data or is the threshold itself.

    Source: Imbens and Lemieux (2008), section 7.3; Cattaneo, Idrobo and Titiunik (2020), section 5.3.
    """
    found = at_threshold(NAME, panel, design, refit)
    if isinstance(found, Check):
        return found
    rows = [_row(found, at, alpha) for at in _places(found, cutoffs)]
    rule = found.observations.rule
    known = adjusted(rows)
    details = {
        "alpha": alpha, "rows": rows, "threshold": rule.threshold, "column": rule.column,
        "real": row_of(tried(found.crossing) if found.observations.fuzzy else found.jump, 1 - alpha),
    }  # fmt: skip
    if not known:
        return Check.inapplicable(
            NAME,
            f"No pretended threshold has enough observations around it. {rows[0]['reason'] if rows else ''}".strip(),
        )
    worst = smallest(known)
    failed = [r for r in known if r["adjusted"] < alpha]
    return Check(
        NAME,
        "fail" if failed else "pass",
        _reason(rule.column, known, failed),
        worst["estimate"] / worst["std_error"],
        worst["adjusted"],
        details,
    )


def _places(found: Discontinuity, cutoffs: Sequence[float] | None) -> list[float]:
    """Pretended thresholds as distances, in the direction of treatment, in order."""
    rows = found.observations
    if cutoffs is None:
        sides = (rows.x[~rows.eligible], rows.x[rows.eligible])
        places = {float(q) for s in sides for q in np.quantile(s, QUANTILES, method="closest_observation")}
        return sorted(p for p in places if p != 0)
    low, high = float(rows.x.min()), float(rows.x.max())
    places = {_distance(found, c) for c in cutoffs}
    wrong = [c for c in cutoffs if not low < _distance(found, c) < high or _distance(found, c) == 0]
    if wrong:
        raise UsageError(
            f"placebo_cutoffs: {', '.join(map(number, wrong))} lies outside the data, or is the threshold itself: name values of {rows.rule.column} on "
            "either side of it."
        )
    return sorted(places)


def _distance(found: Discontinuity, cutoff: float) -> float:
    rule = found.observations.rule
    return (cutoff - rule.threshold) * (1 if rule.side == "above" else -1)


def _row(found: Discontinuity, at: float, alpha: float) -> dict[str, Any]:
    rule = found.observations.rule
    value = rule.threshold + at * (1 if rule.side == "above" else -1)
    return {
        "cutoff": value,
        "side": "treated" if at > 0 else "untreated",
        **row_of(tried(lambda: found.placed(at)), 1 - alpha),
    }


def _reason(column: str, known: list[dict[str, Any]], failed: list[dict[str, Any]]) -> str:
    if not failed:
        return f"The outcome does not jump at {counted(len(known), 'pretended threshold')} (smallest adjusted p = {number(smallest(known)['adjusted'])})."
    shown = "; ".join(
        f"{column} {number(r['cutoff'])}: {number(r['estimate'])} (adjusted p = {number(r['adjusted'])})"
        for r in failed[:3]
    )
    return (
        f"The outcome jumps where nothing is decided, at {len(failed)} of {counted(len(known), 'pretended threshold')}: {shown}. Its course is rougher "
        "than the local polynomials allow for, or other rules begin there."
    )
