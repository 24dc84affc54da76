"""Could outcomes that are missing have made the effect of an experiment? Bounds by Lee (2009).

Chance made the sides alike, but those whose outcomes are missing are no longer there: where assignment itself keeps people in
the data, or drives them out, the sides that remain differ. If it does so in one direction only, the effect on those who are
observed either way lies between two bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.experiment.bounds import Answers, Bounds, lee_bounds
from scale_impact.core.experiment.bounds_rows import Attrition, attrition_of
from scale_impact.core.keys import Column, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number

EXPOSURE = True

NAME = "attrition_bounds"

SHOWN = 40
"""Cells that stand in the details."""

Refit = Callable[[Panel, Design], Effect]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    strata: Sequence[Column] = (),
    tighten: Sequence[Column] = (),
    groups: Annotated[int, Ge(2)] = 4,
    level: Share = 0.95,
) -> Check:
    """Bounds of the effect of assignment on those who are observed either way.

    Parameters
    ----------
    panel, design, refit:
        The data (``missing: drop`` keeps count of rows without an outcome), the design; the estimator has no part in it.
    strata:
        Columns within which chance dealt.
    tighten, groups:
        Columns from before the dealing within whose cells is trimmed; numbers are cut into so many groups.
    level:
        Of the interval.

    Returns
    -------
    Check that passes where nothing is missing, or where the interval of the bounds lies on one side of zero; fails where the bounds
    lie on both sides of zero and the plain difference does not (its interval); inconclusive in between. Statistic: the share
    trimmed; p-value: of the difference between the sides in what is observed.

    Source: Lee (2009); Imbens and Manski (2004) for the interval; Tauchmann (2014) for cells.
    """
    found = attrition_of(panel, design, strata=strata, tighten=tighten, groups=groups)
    answers = found.answers
    if answers.observed.all():
        return _complete(found)
    bounds = lee_bounds(answers)
    gap, error = _difference(answers, answers.observed.astype(float))
    p = _p(gap, error)
    plain = _plain_interval(answers, level)
    interval = bounds.interval(level)
    verdict = _verdict(bounds, interval, plain)
    details = _details(found, bounds, interval, plain, gap, level)
    return Check(NAME, verdict, _words(bounds, interval, verdict, details, found), bounds.trimmed, p, details)


def _complete(found: Attrition) -> Check:
    """Nothing is missing in what is compared; units that are not in it may be."""
    rows = len(found.answers.outcome)
    reason = f"No outcome is missing in the {counted(rows, 'row')} that are compared: there is nothing to bound."
    details = {"missing": 0, "rows": rows, "notes": list(found.notes)}
    return Check(
        NAME,
        "inconclusive" if found.notes else "pass",
        " ".join([reason, *found.notes]),
        statistic=0.0,
        details=details,
    )


def _difference(answers: Answers, values: Any) -> tuple[float, float]:
    """Difference of the sides within cells (cells by their share of rows), and its standard error by clusters."""
    n = len(values)
    influence, total = np.zeros(n), 0.0
    for c in np.unique(answers.cell):
        here = answers.cell == c
        share = here.mean()
        for sign, side in ((1.0, True), (-1.0, False)):
            rows = here & (answers.side == side)
            mean = float(values[rows].mean())
            total += sign * share * mean
            influence += sign * share * np.where(rows, values - mean, 0.0) * n / rows.sum()
    sums = np.bincount(answers.cluster, influence)
    clusters = len(np.unique(answers.cluster))
    return total, float(np.sqrt((sums**2).sum() * clusters / max(clusters - 1, 1))) / n


def _p(gap: float, error: float) -> float:
    from scipy import special

    return float(2 * special.ndtr(-abs(gap) / error)) if error > 0 else float(gap == 0)


def _plain_interval(answers: Answers, level: float) -> tuple[float, float]:
    """Interval of the difference of what was observed."""
    from scipy import special

    seen = answers.take(answers.observed)
    value, error = _difference(seen, seen.outcome)
    half = float(special.ndtri(0.5 + level / 2)) * error
    return value - half, value + half


def _verdict(bounds: Bounds, interval: tuple[float, float], plain: tuple[float, float]) -> Verdict:
    if interval[0] > 0 or interval[1] < 0:
        return "pass"
    found = plain[0] > 0 or plain[1] < 0
    return "fail" if found and bounds.lower <= 0 <= bounds.upper else "inconclusive"


def _details(
    found: Attrition,
    bounds: Bounds,
    interval: tuple[float, float],
    plain: tuple[float, float],
    gap: float,
    level: float,
) -> dict[str, Any]:
    answers = found.answers
    shares = [float(answers.observed[answers.side == s].mean()) for s in (False, True)]
    cells = [{**c, "cell": found.cell_names[int(c["cell"])]} for c in bounds.cells]
    return {
        "rows": len(answers.outcome), "missing": int((~answers.observed).sum()), "clusters": len(np.unique(answers.cluster)),
        "observed_control": shares[0], "observed_treated": shares[1], "difference_observed": gap, "changes": found.changes,
        "lower": bounds.lower, "upper": bounds.upper, "std_errors": bounds.std_errors.tolist(), "level": level, "interval": list(interval),
        "naive": bounds.naive, "naive_interval": list(plain), "trimmed": bounds.trimmed, "n_cells": len(cells), "cells": cells[:SHOWN],
        "notes": list(found.notes),
    }  # fmt: skip


def _words(
    bounds: Bounds, interval: tuple[float, float], verdict: Verdict, details: dict[str, Any], found: Attrition
) -> str:
    text = (
        f"{details['observed_treated']:.1%} of the assigned and {details['observed_control']:.1%} of the others are observed. With {bounds.trimmed:.1%} "
        f"of the outcomes trimmed on the side observed more, the effect on those observed either way lies between {number(bounds.lower)} and "
        f"{number(bounds.upper)} ({details['level']:.0%} interval {number(interval[0])} to {number(interval[1])}); as observed it is {number(bounds.naive)}."
    )
    said = {
        "pass": " Missing outcomes cannot have made it.",
        "fail": " Missing outcomes alone could have made it.",
        "inconclusive": " Chance and missing outcomes together leave its sign open.",
    }
    sides = {c["trimmed_side"] for c in bounds.cells} - {-1}
    mixed = " Cells differ in the side that is observed more, and each is trimmed on its own." if len(sides) > 1 else ""
    few = (
        f" {details['clusters']} clusters: standard errors of the bounds are rough." if details["clusters"] < 40 else ""
    )
    return text + said[verdict] + mixed + few + "".join(f" {n}" for n in found.notes)
