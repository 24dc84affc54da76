"""Does the answer hang on one donor? Each is left out in turn, then the most weighted ones together.

An effect that goes when one city is no longer a donor is a statement about that city. All questions are asked at once. Where
there are several treated units the effect without each of them stands beside: it needs no new fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scale_impact.checks._pilots import Pilot, Refit, or_none, pilot, verdict_of
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.worlds import Floats
from scale_impact.core.words import counted, number, some

NAME = "leave_one_donor_out"

Row = dict[str, Any]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    tolerance: Share = 0.5,
    together: Count = 5,
    limit: Count = 200,
) -> Check:
    """The effect without each donor, and without the most weighted ones together.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    tolerance:
        Change of the effect, as a share of it, from which on it hangs on a donor.
    together:
        The 2, 3, ... most weighted donors, up to so many, are left out together as well (shown, not judged).
    limit:
        At most so many donors are left out, the most weighted ones; without donor weights evenly spaced ones.

    Returns
    -------
    Check that fails where without one donor the effect changes by more than ``tolerance`` of itself (of the median placebo's,
    where that is larger), inconclusive where an effect that does not stand out from placebos does, or changes its sign. Its
    statistic is the largest change.
    ``details.rows`` has the effect without each donor, ``details.together`` without several,
    ``details.treated`` without each treated unit.

    Source: Abadie, Diamond and Hainmueller (2015), section 4, "leave-one-out"; Abadie (2021), section 6.
    """
    case = pilot(NAME, panel, design, refit, "leave out units by leave_one_out")
    if isinstance(case, Check):
        return case
    if len(case.donors) < 2:
        return Check.inapplicable(
            NAME, f"There is one donor ({case.names[case.donors[0]]}): without it nothing is left."
        )
    weights = case.weights()
    chosen = _chosen(case, weights, limit)
    few = min(together, len(case.donors) - 1, len(chosen))
    found = case.effects([case.worlds, *(case.without([k]) for k in chosen)])
    full = float(found[0])
    rows = [_row(case, [k], weights, v, full) for k, v in zip(chosen, found[1:], strict=True)]
    order = sorted(range(len(chosen)), key=lambda i: -abs(rows[i]["weight"] if weights else rows[i]["change"] or 0.0))
    several = _together(case, [chosen[i] for i in order[:few]], weights, full)
    details = {
        "full": full, "unit": case.unit, "tolerance": tolerance, "of": len(case.donors), "rows": rows, "together": several,
        "treated": _treated(case),
    }  # fmt: skip
    return _judged(full, rows, several, details, tolerance, case)


def _chosen(case: Pilot, weights: dict[str, float], limit: int) -> list[int]:
    """Donors to leave out: those with weight (without the others nothing changes), or all where there are no weights."""
    held = [k for k in case.donors if case.names[k] in weights] if weights else case.donors
    if len(held) <= limit:
        return held
    if weights:
        return sorted(sorted(held, key=lambda k: -abs(weights[case.names[k]]))[:limit])
    return [held[int(i * len(held) / limit)] for i in range(limit)]


def _row(case: Pilot, gone: list[int], weights: dict[str, float], value: float, full: float) -> Row:
    known = or_none(value)
    return {
        "left_out": some([case.names[k] for k in gone], len(gone)),
        "weight": float(sum(weights.get(case.names[k], 0.0) for k in gone)) if weights else None,
        "estimate": known,
        "change": None if known is None else known - full,
        "ci_low": None,
        "ci_high": None,
        "reason": None if known is not None else "the other donors give no counterfactual",
    }


def _together(case: Pilot, order: list[int], weights: dict[str, float], full: float) -> list[Row]:
    """The effect without the 2, 3, ... most weighted donors."""
    groups = [order[:k] for k in range(2, len(order) + 1)]
    if not groups:
        return []
    found = case.effects([case.without(g) for g in groups])
    return [_row(case, g, weights, float(v), full) for g, v in zip(groups, found, strict=True)]


def _treated(case: Pilot) -> list[Row]:
    """The effect without each treated unit, whose gaps are known already."""
    if len(case.worlds) < 2:
        return []
    cells = case.cells
    sums, counts = (cells * np.where(cells > 0, case.found.gaps, 0.0)).sum(axis=1), cells.sum(axis=1)
    values: Floats = (sums.sum() - sums) / (counts.sum() - counts)
    return [{"left_out": n, "estimate": or_none(v)} for n, v in zip(case.found.names, values, strict=True)]


# ---- verdict -----------------------------------------------------------------------------------


def _judged(
    full: float, rows: list[Row], several: list[Row], details: dict[str, Any], tolerance: float, case: Pilot
) -> Check:
    known = [r for r in rows if r["estimate"] is not None]
    if not known or not np.isfinite(full):
        return Check(NAME, "inconclusive", "The effect cannot be estimated with donors left out.", details=details)
    worst = max(known, key=lambda r: abs(r["change"]))
    turned = [r for r in known if r["estimate"] * full < 0]
    statistic = abs(float(worst["change"]))
    verdict = verdict_of(case, full, statistic, tolerance, turned=bool(turned))
    verdict = "fail" if len(known) < len(rows) else verdict
    small = {"fail": None, "pass": "", "inconclusive": f" {case.small}"}[verdict]
    return Check(NAME, verdict, _words(full, known, rows, several, worst, small), statistic, details=details)


def _words(full: float, known: list[Row], rows: list[Row], several: list[Row], worst: Row, small: str | None) -> str:
    """``small``: why the effect is too small to be judged, nothing where it passes; None where it hangs on one donor."""
    values = [r["estimate"] for r in known]
    span = f"between {number(min(values))} and {number(max(values))}"
    weight = "" if worst["weight"] is None else f" (weight {worst['weight']:.2f})"
    most = f"without {worst['left_out']}{weight} it is {number(worst['estimate'])}"
    lost = [r["left_out"] for r in rows if r["estimate"] is None]
    gone = f" Without {some(lost)} there is no estimate." if lost else ""
    more = ""
    if several and several[-1]["estimate"] is not None:
        more = f" Without all of {several[-1]['left_out']} it is {number(several[-1]['estimate'])}."
    who = counted(len(known), "donor") + (" with weight" if worst["weight"] is not None else "")
    if small is not None:
        return f"Without any one of {who} the effect of {number(full)} lies {span}; it hangs most on one: {most}.{more}{small}"
    return f"The effect of {number(full)} hangs on one donor: {most}. Over {who} left out in turn it lies {span}.{gone}{more}"
