"""Targets: the numbers of an effect that inference for few clusters judges, and how they are put back.

A target is one estimate with its weights per unit, where the estimator is linear, and the cells
in which the effect that it estimates acts: a null of tau takes tau away from the outcomes there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import NO_VARIATION, REFERENCE
from scale_impact.core.cohorts import Floats, cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family, Judgement
from scale_impact.core.panel import Panel, elapsed
from scale_impact.errors import ScaleImpactError

Refit = Callable[[Panel, Design], Effect]

PLACES = ("path", "by_cohort", "by_period", "cells")
"""Families of an effect that are judged beside ``overall``."""

MANY_CELLS = 200
"""Families with more estimates than this keep their analytic intervals."""

Cells = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Target:
    """One estimate of an effect.

    Attributes
    ----------
    place, k:
        ``overall`` or the family it belongs to (``units``: the curve of that name), and its position there.
    value:
        The estimate.
    loadings:
        Weight on each unit of a cohort by period, [G, T] on all the design's cohorts; None where
        the estimator is not linear in the cohorts' means.
    cells:
        Cohort x period cells in which its effect acts, [G, T]; None where that is not known.
    """

    place: str
    k: int
    value: float
    loadings: Floats | None
    cells: Cells | None


def targets_of(effect: Effect, panel: Panel, design: Design, refit: Refit) -> list[Target]:
    """The targets of an effect, ``overall`` first; reference periods and empty values are none."""
    linear = fixed_weights(effect, panel, design, refit)
    found = [overall_target(effect, panel, design, linear=linear)]
    for place in (*PLACES, *_by_unit(effect)):
        family = family_at(effect, place)
        if family is not None and len(family) <= MANY_CELLS:
            found += _of_family(effect, family if linear else replace(family, weights=None), place, panel, design)
    return found


def _by_unit(effect: Effect) -> list[str]:
    """Names of the curves that hold one estimate a treated unit."""
    return [name for name, family in effect.curves.items() if family.kind == "unit"]


def family_at(effect: Effect, place: str) -> Family | None:
    """The family of a target's place; None where the effect has none."""
    found: Family | None = getattr(effect, place) if place in PLACES else effect.curves.get(place)
    return found


def overall_target(effect: Effect, panel: Panel, design: Design, *, linear: bool) -> Target:
    """The target of the overall effect, where it is known whether the estimator is linear."""
    value = np.nan if effect.overall.value is None else effect.overall.value
    weights = effect.weights.to_numpy()[None] if linear and effect.weights is not None else None
    loadings = _loadings(effect, weights, np.array([value]), panel, design)[0]
    return Target("overall", 0, value, loadings, None if design.treatment is not None else _treated(design))


def _of_family(effect: Effect, family: Family, place: str, panel: Panel, design: Design) -> list[Target]:
    loadings = _loadings(effect, family.weights, family.values, panel, design)
    clock = None if effect.counterfactual is None else effect.counterfactual.clock
    return [
        Target(place, k, float(family.values[k]), loadings[k], _cells(family, k, panel, design, clock))
        for k in range(len(family))
        if family.reasons[k] not in (REFERENCE, NO_VARIATION) and np.isfinite(family.values[k])
    ]


def fixed_weights(effect: Effect, panel: Panel, design: Design, refit: Refit) -> bool:
    """Whether other outcomes leave the weights as they are: estimates are then linear in outcomes.

    Weights that are estimated from the data (efficient ones, propensities) change with them.
    """
    if effect.weights is None:
        return False
    wave = np.sin(1.7 * np.arange(panel.n_obs) ** 1.1)  # any other outcomes
    try:
        other = refit(replace(panel, values=panel.values + float(np.std(panel.values)) * wave), design).weights
    except ScaleImpactError:
        return False
    mine = effect.weights.to_numpy()
    if other is None or other.shape != mine.shape:
        return False
    return bool(np.allclose(other, mine, rtol=1e-9, atol=1e-12 * max(float(np.abs(mine).max()), 1e-300)))


def _loadings(
    effect: Effect, weights: Floats | None, values: Floats, panel: Panel, design: Design
) -> list[Floats | None]:
    """Weights per unit, [G, T] each, held against the estimates; None for those that are not linear in the means."""
    if weights is None or effect.weights is None or weights.shape[2] != design.n_periods:
        return [None] * len(values)
    moments = cohort_moments(panel, design)
    found = _spread(weights, list(effect.weights.index), design)
    parts = found * moments.means
    right = np.abs(parts.sum(axis=(1, 2)) - values) <= 1e-7 * np.abs(parts).sum(axis=(1, 2)) + 1e-300
    per_unit = found / np.maximum(moments.counts, 1)
    return [a if ok and a.any() else None for a, ok in zip(per_unit, right, strict=True)]


def _spread(weights: Floats, names: list[Any], design: Design) -> Floats:
    """Weights on the cohorts named as weights on all of the design's."""
    at = {design.cohort_name(g): g for g in range(len(design.starts))}
    out = np.zeros((len(weights), len(design.starts), design.n_periods))
    if set(map(str, names)) <= set(at) and weights.shape[1] == len(names):
        out[:, [at[str(n)] for n in names]] = weights
    return out


def levels_matter(targets: Sequence[Target]) -> bool:
    """Whether some weights do not sum to zero over time, so that units' levels do not cancel."""
    known = [t.loadings for t in targets if t.loadings is not None]
    return any(np.abs(a.sum(axis=1)).max() > 1e-9 * np.abs(a).max() for a in known)


# ---- where effects act ------------------------------------------------------------------------


def _treated(design: Design) -> Cells:
    return np.asarray(np.arange(design.n_periods) >= design.starts[:, None])


def event_times(panel: Panel, design: Design, clock: Floats | None = None) -> Floats:
    """Event time of each cell, [G, T], by a clock [T] (the panel's); NaN for the never treated."""
    last, clock = design.n_periods - 1, panel.clock if clock is None else clock
    since = elapsed(clock, np.arange(design.n_periods)[None], np.minimum(design.starts, last)[:, None])
    since[design.starts == design.n_periods] = np.nan
    return np.asarray(since)


def effect_patterns(panel: Panel, design: Design) -> tuple[Floats, Cells]:
    """Event times from 0 on, [E], and the treated cells of each, [E, G, T]; units treated from the start are left out."""
    since = np.where(design.starts[:, None] > 0, event_times(panel, design), np.nan)
    times = np.unique(since[since >= 0])
    return times, np.array([since == e for e in times], dtype=bool).reshape(-1, *since.shape)


def _cells(family: Family, k: int, panel: Panel, design: Design, clock: Floats | None) -> Cells | None:
    """Cells in which the effect of the k-th estimate acts; None for kinds that do not say."""
    if design.treatment is not None:
        return None
    treated, since = _treated(design), event_times(panel, design, clock)
    if family.kind == "event_time":
        return np.asarray(since == family.event_times[k])
    cohort = np.array([label == family.cohorts[k] for label in design.first_treated]) if family.cohorts else None
    period = np.asarray(panel.periods == family.periods[k]) if family.periods else None
    if family.kind == "cohort" and cohort is not None:
        return np.asarray(treated & cohort[:, None])
    if family.kind == "period" and period is not None:
        return np.asarray(treated & period)
    if family.kind == "cohort_period" and cohort is not None and period is not None:
        return np.asarray(cohort[:, None] & period)
    return None


# ---- back into the effect ----------------------------------------------------------------------


def with_judgements(effect: Effect, targets: Sequence[Target], judgements: Sequence[Judgement | None]) -> Effect:
    """The effect with interval and p-value of each target by its judgement (None: as it was)."""
    by_place: dict[str, dict[int, Judgement]] = {}
    for target, judgement in zip(targets, judgements, strict=True):
        if judgement is not None:
            by_place.setdefault(target.place, {})[target.k] = judgement
    judged = {p: _judged_family(family_at(effect, p), found) for p, found in by_place.items() if p != "overall"}
    changes: dict[str, Any] = {place: family for place, family in judged.items() if place in PLACES}
    changes["curves"] = effect.curves | {place: family for place, family in judged.items() if place not in PLACES}
    if "overall" in by_place:
        overall = effect.overall.judge(by_place["overall"][0])
        changes["overall"] = overall
        changes["summaries"] = {name: overall if e is effect.overall else e for name, e in effect.summaries.items()}
    return replace(effect, **changes)


def _judged_family(family: Family | None, found: Mapping[int, Judgement]) -> Family:
    assert family is not None
    return replace(family, judged=tuple(found.get(k) for k in range(len(family))))
