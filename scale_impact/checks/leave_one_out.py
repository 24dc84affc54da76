"""Does the answer hang on one unit? Each unit is left out in turn and the effect estimated again.

Moments are subtracted, not recomputed, so that 500 units take 500 small calculations. With a
cluster above the unit, whole clusters are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.checks._reasons import ask_instead
from scale_impact.core.check import Check, Verdict
from scale_impact.core.cohorts import cohort_moments, leave_out
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, plain
from scale_impact.errors import ScaleImpactError

NAME = "leave_one_out"


def run(
    panel: Panel, design: Design, refit: Callable[[Panel, Design], Effect], *, level: Share = 0.95, limit: Count = 500
) -> Check:
    """Leave out each unit, or each cluster of the design.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    level:
        Level of the intervals that decide whether an effect is told apart from zero.
    limit:
        With more units than this, only those with the largest influence on the estimate.

    Returns
    -------
    Check that fails where one unit decides whether the effect is positive, negative or neither;
    ``details.rows`` has the estimate without each unit.
    """
    if design.cross_sections and design.cluster is None:
        return Check.inapplicable(
            NAME, "Observations are not followed over time; name a cluster in the design to leave out whole clusters."
        )
    effect = refit(panel, design)
    if (other := ask_instead(NAME, effect, "leave_one_donor_out")) is not None:
        return other
    parts = _parts(panel, design)
    chosen = _most_influential(panel, design, effect, parts, limit)
    rows = [_row(panel, design, refit, name, units, level) for name, units in chosen]
    details = {
        "full": effect.overall.value,
        "std_error": effect.overall.std_error,
        "level": level,
        "left_out": design.cluster or panel.unit,
        "of": len(parts),
        "rows": rows,
    }
    verdict, reason = _verdict(effect.overall, rows, level, str(details["left_out"]), len(parts))
    return Check(NAME, verdict, reason, details=details)


def _parts(panel: Panel, design: Design) -> list[tuple[str, NDArray[np.int64]]]:
    """Name and units of each part that is left out in turn."""
    always = (design.starts[design.cohort_codes] == 0) & (design.reversals is None)  # with reversals they are controls
    kept = np.flatnonzero((design.cohort_codes >= 0) & ~always)
    if design.cluster_codes is None or design.cluster is None:
        return [(panel.unit_name(int(u)), np.array([u])) for u in kept]
    values = panel.unit_column(design.cluster)
    order = kept[np.argsort(design.cluster_codes[kept], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(design.cluster_codes[order])) + 1)
    return [(plain(values[g[0]]), g) for g in groups]


def _most_influential(
    panel: Panel, design: Design, effect: Effect, parts: list[tuple[str, NDArray[np.int64]]], limit: int
) -> list[tuple[str, NDArray[np.int64]]]:
    """All parts where they are few; otherwise those that move a linear estimate most."""
    if len(parts) <= limit:
        return parts
    if effect.weights is None or not panel.balanced or len(parts) != panel.n_units:
        step = len(parts) / limit
        return [parts[int(k * step)] for k in range(limit)]
    size = np.abs(_influence(panel, design, effect))
    order = np.argsort(-np.array([size[units].sum() for _, units in parts]), kind="stable")[:limit]
    return [parts[k] for k in sorted(order)]


def _influence(panel: Panel, design: Design, effect: Effect) -> NDArray[np.float64]:
    """First-order influence of each unit: its deviation from its cohort's path, weighted."""
    moments = cohort_moments(panel, design)
    names = [design.cohort_name(g) for g in range(len(design.starts))]
    assert effect.weights is not None
    loadings = effect.weights.reindex(names).fillna(0.0).to_numpy() / np.maximum(moments.units, 1)[:, None]
    found = np.zeros(panel.n_units)
    for g in range(len(names)):
        rows = np.flatnonzero(design.cohort_codes == g)
        found[rows] = panel.matrix[rows] @ loadings[g] - moments.means[g] @ loadings[g]
    return found


def _row(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    name: str,
    units: NDArray[np.int64],
    level: float,
) -> dict[str, Any]:
    try:
        estimate = refit(panel, leave_out(panel, design, units)).overall
    except ScaleImpactError as error:
        return {"left_out": name, "estimate": None, "ci_low": None, "ci_high": None, "reason": str(error)}
    low, high = estimate.interval(level) or (None, None)
    return {"left_out": name, "estimate": estimate.value, "ci_low": low, "ci_high": high, "reason": estimate.reason}


def _sign(estimate: float | None, low: float | None, high: float | None) -> str:
    if estimate is None:
        return "not estimable"
    if low is None or high is None:
        return "positive" if estimate > 0 else "negative"
    return "positive" if low > 0 else "negative" if high < 0 else "not told apart from zero"


def _verdict(full: Estimate, rows: list[dict[str, Any]], level: float, thing: str, parts: int) -> tuple[Verdict, str]:
    low, high = full.interval(level) or (None, None)
    whole = _sign(full.value, low, high)
    changed = [r for r in rows if _sign(r["estimate"], r["ci_low"], r["ci_high"]) != whole]
    values = [r["estimate"] for r in rows if r["estimate"] is not None]
    span = f"between {number(min(values))} and {number(max(values))}" if values else "not estimable"
    many = (
        f"{parts:,} units ({thing})" if len(rows) == parts else f"the {len(rows)} most influential of {parts:,} units"
    )
    if not changed:
        return "pass", f"Without any one of {many} the estimate stays {whole} ({span})."
    first = changed[0]
    now = _sign(first["estimate"], first["ci_low"], first["ci_high"])
    more = f", and {len(changed) - 1} more like it" if len(changed) > 1 else ""
    return (
        "fail",
        f"The estimate is {whole}; without {thing} {first['left_out']} it is {now}{more}. Over all it lies {span}.",
    )
