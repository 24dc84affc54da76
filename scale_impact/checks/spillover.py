"""Does the measure reach beyond the units that adopted it? Effects on neighbours, and the estimate without them.

Untreated units near a treated one may feel the measure too: jobs move over the border, traffic is
diverted. They are then no untreated comparison, and the study's estimate is off by what happens to
them. Rings of untreated units around the treated ones are compared with the untreated units farther
away, as if they had been treated; and the study is estimated again without the rings.

Right where units beyond the last ring are out of reach. What treated units do to each other stays
in the effect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.checks._reasons import ask_instead, because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.comparison import covariance, holm
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Column, Share
from scale_impact.core.panel import Panel
from scale_impact.core.placebo import NEVER, Part, suppose
from scale_impact.core.words import counted, number, plain
from scale_impact.errors import DataError, ScaleImpactError, UsageError

NAME = "spillover"

Refit = Callable[[Panel, Design], Effect]
Mask = NDArray[np.bool_]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    distance: Column | None = None,
    rings: Sequence[float] = (),
    neighbour: Column | None = None,
    since: Column | None = None,
    alpha: Share = 0.05,
) -> Check:
    """Effects on untreated neighbours, and the study's effect without them as controls.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    distance, rings:
        Column with each unit's distance to the nearest treated unit or site, constant within a
        unit, and the outer edges of the rings in its unit, such as ``[5, 10]``: up to 5, and from
        5 to 10.
    neighbour:
        In their place a 0/1 column: next to a treated unit.
    since:
        Column with the period from which a unit is near a treated one; default the first period
        in which a unit is treated that has a period before (anticipated) treatment.
    alpha:
        The check fails where a p-value, adjusted for the number of tests (Holm 1979), is below it.

    Returns
    -------
    Check whose p-value is the smallest adjusted one. ``details.rings`` has the effect on each
    ring, ``details.without`` the study's effect without the rings and its difference, with a
    standard error from what each unit adds to both.

    Raises
    ------
    UsageError
        Not exactly one of distance (with rings) and neighbour.
    DataError
        A column is missing, varies within a unit, or lacks a value for an untreated unit.

    Source: Butts (2021); rings as in Clarke (2017).
    """
    edges = _edges(distance, rings, neighbour)
    if design.reversals is not None:
        return Check.inapplicable(NAME, design.reversals)
    if design.never_treated is None:
        return Check.inapplicable(NAME, "No unit is never treated, so there are no untreated neighbours to look at.")
    controls = design.cohort_codes == design.never_treated
    near = _rings(panel, controls, edges, distance or str(neighbour))
    far = controls & ~np.any([r.units for r in near], axis=0)
    if not far.any() or not any(r.units.any() for r in near):
        return Check.inapplicable(NAME, _nobody(near, controls, distance or str(neighbour)))
    if (other := ask_instead(NAME, refit(panel, design), "donor_spillover")) is not None:
        return other
    begin = _begin(panel, design, since)
    found = [_effect_on(panel, design, refit, r, far, begin) for r in near if r.units.any()]
    without = _without(panel, design, refit, controls & ~far)
    return _judged(found, without, int(far.sum()), alpha)


@dataclass(frozen=True, eq=False)
class Ring:
    """Untreated units at some distance of treated ones."""

    name: str
    units: Mask


def _edges(distance: str | None, rings: Sequence[float], neighbour: str | None) -> list[float]:
    if (distance is None) == (neighbour is None):
        raise UsageError(
            "spillover: give either distance with rings, such as {distance: km, rings: [5, 10]}, or neighbour, a 0/1 column."
        )
    edges = [float(r) for r in rings]
    if distance is not None and (not edges or edges != sorted(set(edges)) or edges[0] < 0):
        raise UsageError(
            f"spillover: rings is {list(rings)!r}; it has to be the rings' outer edges in rising order, such as [5, 10]."
        )
    if neighbour is not None and edges:
        raise UsageError("spillover: rings go with distance; neighbour is 0 or 1.")
    return edges


def _rings(panel: Panel, controls: Mask, edges: list[float], column: str) -> list[Ring]:
    values = panel.unit_column(column)
    gone = controls & pd.isna(values)
    if gone.any():
        who = panel.unit_name(int(np.flatnonzero(gone)[0]))
        raise DataError(
            f"{column} is missing for {counted(int(gone.sum()), 'untreated unit')} ({who} is the first). Fill it."
        )
    if not edges:
        return [Ring("neighbours", controls & _zero_one(column, values, controls))]
    place = np.full(len(values), np.inf)
    place[controls] = _numbers(column, values[controls])
    inner = [-np.inf, *edges[:-1]]
    names = [f"up to {plain(edges[0])}", *(f"{plain(a)} to {plain(b)}" for a, b in pairwise(edges))]
    return [
        Ring(f"{column} {name}", controls & (place > low) & (place <= high))
        for name, low, high in zip(names, inner, edges, strict=True)
    ]


def _numbers(column: str, values: NDArray[Any]) -> NDArray[np.float64]:
    try:
        found = values.astype(float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{column} is no number for each untreated unit ({error}). Use a column of distances."
        ) from error
    if (found < 0).any():
        raise DataError(f"{column} is below 0 ({found.min():g}); distances are 0 or more.")
    return found


def _zero_one(column: str, values: NDArray[Any], controls: Mask) -> Mask:
    wrong = [v for v in pd.unique(values[controls]) if v not in (0, 1)]
    if wrong:
        raise DataError(
            f"{column} has to be 0 or 1; it holds {plain(wrong[0])!r}. Use `distance` with `rings` for distances."
        )
    return np.asarray(values == 1)


def _begin(panel: Panel, design: Design, since: str | None) -> NDArray[np.float64]:
    """Position from which each unit may feel the measure."""
    based = design.starts[design.adopting[design.starts[design.adopting] > design.anticipation]]
    first = float(based.min(initial=design.n_periods - 1))
    if since is None:
        return np.full(len(design.cohort_codes), first)
    labels = panel.unit_column(since)
    known = ~pd.isna(labels)
    begin = np.full(len(labels), first)
    try:
        begin[known] = np.searchsorted(panel.periods, labels[known].astype(panel.periods.dtype))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{since} holds something that is no period ({error}). Use labels such as {plain(panel.periods[0])}."
        ) from error
    return begin


def _nobody(near: list[Ring], controls: Mask, column: str) -> str:
    inside = sum(int(r.units.sum()) for r in near)
    where = "within the rings" if inside else "beyond them"
    return f"All {counted(int(controls.sum()), 'untreated unit')} lie {where} ({column}): there are no {'farther' if inside else 'near'} ones to compare."


# ---- effects -----------------------------------------------------------------------------------


def _effect_on(
    panel: Panel, design: Design, refit: Refit, ring: Ring, far: Mask, begin: NDArray[np.float64]
) -> dict[str, Any]:
    """The effect on a ring of untreated units, against those farther away."""
    whole = Part(panel, np.arange(len(far)), np.arange(panel.n_periods))
    starts = np.where(ring.units, begin, np.where(far, NEVER, -1.0))
    try:
        estimate = refit(panel, suppose(design, whole, starts)).overall
    except ScaleImpactError as error:
        estimate = Estimate(None, reason=str(error))
    return {"ring": ring.name, "units": int(ring.units.sum()), **_numbers_of(estimate)}


def _without(panel: Panel, design: Design, refit: Refit, near: Mask) -> dict[str, Any]:
    """The study's effect without neighbours among its controls, and what that changes."""
    base = refit(panel, design)
    try:
        clean = refit(panel, design.without(np.flatnonzero(near)))
    except ScaleImpactError as error:
        return {"study": base.overall.value, "difference": None, **_numbers_of(Estimate(None, reason=str(error)))}
    change = _change(design, base, clean)
    return {
        "study": base.overall.value,
        "estimate": clean.overall.value,
        "std_error": clean.overall.std_error,
        "difference": change.value,
        "difference_std_error": change.std_error,
        "p_value": change.p_value,
        "reason": clean.overall.reason or change.reason,
    }


def _change(design: Design, base: Effect, clean: Effect) -> Estimate:
    if base.overall.value is None or clean.overall.value is None:
        return Estimate(None, reason=base.overall.reason or clean.overall.reason)
    value = clean.overall.value - base.overall.value
    why = base.overall.reason or clean.overall.reason
    if why is None and (base.influence is None or clean.influence is None):
        why = "the estimator does not say what each unit adds to its error"
    if why is not None or base.influence is None or clean.influence is None:
        return Estimate(value, reason=why)
    sides = np.array([-1.0, 1.0])
    variance = float(sides @ covariance(design, [base.influence, clean.influence]) @ sides)
    if variance <= 0:
        return Estimate(value, reason="nothing changes")
    return Estimate(value, float(np.sqrt(variance)), clean.sample.n_clusters - 1)


def _numbers_of(estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval(0.95) or (None, None)
    return {
        "estimate": estimate.value, "std_error": estimate.std_error, "ci_low": low, "ci_high": high,
        "p_value": estimate.p_value, "reason": estimate.reason,
    }  # fmt: skip


# ---- verdict -----------------------------------------------------------------------------------


def _judged(found: list[dict[str, Any]], without: dict[str, Any], far: int, alpha: float) -> Check:
    tested = [r for r in (*found, without) if r["p_value"] is not None]
    details = {"alpha": alpha, "rings": found, "without": without, "farther": far}
    if not tested:
        return Check(
            NAME,
            "inconclusive",
            f"Neither effect on neighbours has a test: {because(found[0]['reason'])}.",
            details=details,
        )
    for row, adjusted in zip(tested, holm([r["p_value"] for r in tested]), strict=True):
        row["adjusted"] = adjusted
    p = min(r["adjusted"] for r in tested)
    verdict: Verdict = "fail" if p < alpha else "pass"
    return Check(NAME, verdict, _words(found, without, far, p, len(tested), verdict), without["difference"], p, details)


def _words(
    found: list[dict[str, Any]], without: dict[str, Any], far: int, p: float, tests: int, verdict: Verdict
) -> str:
    rings = "; ".join(_of_ring(r) for r in found)
    text = f"Against {counted(far, 'untreated unit')} farther away: {rings}."
    if without["estimate"] is not None and without["study"] is not None:
        change = (
            ""
            if without["p_value"] is None
            else f" (difference {number(without['difference'])}, p = {without['p_value']:.3f})"
        )
        text += f" Without these units as controls the estimate goes from {number(without['study'])} to {number(without['estimate'])}{change}."
    end = "the measure reaches beyond those treated" if verdict == "fail" else "no reach beyond those treated is seen"
    return f"{text} After Holm's correction for {counted(tests, 'test')} the smallest p is {p:.3f}: {end}."


def _of_ring(row: dict[str, Any]) -> str:
    who = f"{counted(row['units'], 'unit')}, {row['ring']}"
    if row["estimate"] is None:
        return f"{who}: no effect can be had ({because(row['reason'])})"
    p = "" if row["p_value"] is None else f" (p = {row['p_value']:.3f})"
    return f"{who}: effect {number(row['estimate'])}{p}"
