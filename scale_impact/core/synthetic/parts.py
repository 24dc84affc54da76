"""Which units and periods an estimate of the synthetic control family is the mean gap of."""

from __future__ import annotations

from typing import Any

import numpy as np

from scale_impact.core.effect import Effect, Family
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.placebos import real_gaps
from scale_impact.core.synthetic.worlds import Bools
from scale_impact.core.targets import Target, family_at

SAME = 1e-6
"""Of the outcomes' size: a mean gap that is further from the estimate is another number."""


def cells_of(effect: Effect, found: Counterfactual, target: Target, panel: Panel) -> Bools | None:
    """Cells [U, T] whose mean gap an estimate is; None where it is no such mean."""
    cells = _cells(effect, found, target, panel)
    if cells is None or not cells.any():
        return None
    mean = float(real_gaps(found).mean(cells)[0])
    return cells if abs(mean - target.value) <= SAME * float(np.nanmax(np.abs(found.observed))) else None


def said_of_no_mean(method: str, effect: Effect) -> str:
    """Why a method that judges mean gaps cannot judge an effect that is none, and what would do."""
    return (
        f"{method} judges the mean gap between what was and what would have been, and the effect of {effect.estimator} is another "
        "number. Leave `inference` out, or say `inference: analytic`: the estimator's own interval stays."
    )


def _cells(effect: Effect, found: Counterfactual, target: Target, panel: Panel) -> Bools | None:
    after = real_gaps(found).after
    if target.place == "overall":
        return after
    family = family_at(effect, target.place)
    if family is None:
        return None
    if family.kind == "event_time":
        clock = panel.clock if found.clock is None else found.clock
        since = elapsed(clock, np.arange(after.shape[1])[None], np.array(found.starts)[:, None])
        return np.asarray(since == family.event_times[target.k])
    if family.kind == "unit":
        return np.asarray(after & (np.array(found.names) == family.names[target.k])[:, None])
    return _labelled(family, target.k, found, after)


def _labelled(family: Family, k: int, found: Counterfactual, after: Bools) -> Bools | None:
    """Cells of a cohort, a period or both; None for other kinds."""
    if family.kind not in ("cohort", "period", "cohort_period"):
        return None
    cells = after
    if family.cohorts:
        first = [_same(found.periods[s], family.cohorts[k]) for s in found.starts]
        cells = cells & np.array(first)[:, None]
    if family.periods:
        cells = cells & np.array([_same(p, family.periods[k]) for p in found.periods])[None]
    return np.asarray(cells)


def _same(label: Any, other: Any) -> bool:
    return bool(label == other)
