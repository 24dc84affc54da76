"""Does a mix of donors follow the city before the measure? If not, the gap after it says nothing.

The root mean squared gap before the measure (RMSPE) is held against that of donors put in the city's place, each explained by
the other donors over the same periods, and against how much the outcome moves by itself within a unit. A city whose path
donors follow much worse than each other's has no comparison here, whatever the gap does afterwards.

A close fit is needed, not enough: with few periods and many donors it can come about by chance (``in_time_placebo`` sees that).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt

from scale_impact.checks._pilots import Pilot, Refit, movement, or_none, pilot, placebo_gaps, playing, share
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Count
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.placebos import in_space
from scale_impact.core.words import counted, number, some
from scale_impact.errors import EstimationError

NAME = "pre_fit"

EXACT = 1e-9
"""Gaps that are smaller, relative to the outcome's movement, are rounding."""

CLOSE = 0.1
"""A gap under a tenth of the outcome's own movement is close, whoever else is followed closer."""

Row = dict[str, Any]
Positive = Annotated[float, Gt(0)]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    worst: Positive = 2.0,
    flat: Positive = 1.0,
    draws: Count = 999,
    seed: int = 20251122,
) -> Check:
    """Fit before the measure of each treated unit, beside that of donors in its place.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    worst:
        Times the donors' median RMSPE from which on the fit is bad.
    flat:
        Times the outcome's own movement (the standard deviation over time before the measure, of all units, or of the treated)
        from which on nothing is shown: a flat line would do as well. From twice that on the fit is bad.
    draws, seed:
        At most so many donors (groups of donors, for the mean of several treated units) in the place of a treated one.

    Returns
    -------
    Check that fails where a treated unit's RMSPE is over ``worst`` times the donors' median and over a tenth of the outcome's
    movement, or over twice ``flat`` times that movement; inconclusive from ``flat`` on, and where the outcome does not move.
    Its statistic is the largest RMSPE in donors' medians. ``details.rows`` has a row a treated unit.

    Source: Abadie, Diamond and Hainmueller (2010), section 3.4; Abadie (2021), section 4, on fit and overfitting.
    """
    case = pilot(NAME, panel, design, refit, "its path before the measure is judged by pre_trends")
    if isinstance(case, Check):
        return case
    rows = _rows(case, partial(_donors, case, panel, design, refit, draws, seed), worst, flat)
    bad = [r for r in rows if r["verdict"] == "fail"]
    open_ = [r for r in rows if r["verdict"] == "inconclusive"]
    verdict: Verdict = "fail" if bad else "inconclusive" if open_ else "pass"
    ratios = [r["ratio"] for r in rows if r["ratio"] is not None]
    reason = _words(bad or open_ or rows, len(rows), verdict, case)
    details = {"worst": worst, "flat": flat, "unit": case.unit, "rows": rows}
    return Check(NAME, verdict, f"{reason}{_unique(rows)}", max(ratios, default=None), None, details)


def _rows(case: Pilot, donors: Callable[[int], list[Row]], worst: float, flat: float) -> list[Row]:
    moves = movement(case.worlds)
    known: dict[object, list[Row]] = {}  # treated units with the same dates and donors share their placebos
    rows = []
    for u, (name, size) in enumerate(zip(case.found.names, case.sizes, strict=True)):
        one = case.worlds.take([u])
        key = (one.fit.tobytes(), one.donors.tobytes(), int(size))
        if key not in known:
            known[key] = donors(u)
        row = _row(name, float(case.pre_rmspe[u]), known[key], float(moves[u]), int(one.fit.sum()))
        unique = None if case.found.unique is None else bool(case.found.unique[u])
        rows.append({**row, "unique": unique, "verdict": _verdict(row, worst, flat)})
    return rows


def _donors(case: Pilot, panel: Panel, design: Design, refit: Refit, draws: int, seed: int, u: int) -> list[Row]:
    """RMSPE before of donors in the place of a treated unit."""
    one = case.worlds.take([u])
    deal = playing(one, draws, seed)
    if deal is None:
        return []
    if len(case.worlds) == 1:  # the same placebos that the interval and other checks ask for, made once
        try:
            found = in_space(case.effect, panel, design, refit, draws=draws, seed=seed)
        except EstimationError:  # not one placebo has an estimate: then the outcome's movement alone can judge
            return []
        return [
            {"name": ", ".join(n), "rmspe": float(v)} for n, v in zip(found.names, found.drawn.pre_rmspe, strict=True)
        ]
    values = placebo_gaps(case, one, deal, np.ones(1)).pre_rmspe
    names = [", ".join(case.names[k] for k in picks) for picks in deal.picks]
    return [{"name": n, "rmspe": float(v)} for n, v in zip(names, values, strict=True) if np.isfinite(v)]


def _row(name: str, rmspe: float, donors: list[Row], moves: float, periods: int) -> Row:
    values = np.array([d["rmspe"] for d in donors])
    median = float(np.median(values)) if len(values) else None
    exact = rmspe <= EXACT * moves
    return {
        "treated": name,
        "rmspe": 0.0 if exact else rmspe,
        "periods": periods,
        "median": median,
        "ratio": None if median is None else 0.0 if exact else or_none(share(rmspe, median)),
        "as_bad": None if median is None else float((1 + (values >= rmspe).sum()) / (1 + len(values))),
        "movement": moves,
        "of_movement": or_none(share(rmspe, moves)),
        "donors": donors,
    }


def _verdict(row: Row, worst: float, flat: float) -> Verdict:
    moved, median = row["of_movement"], row["median"]
    if row["movement"] == 0 and row["rmspe"] == 0:
        return "inconclusive"
    if moved is None or moved > 2 * flat:
        return "fail"
    if median is not None and row["rmspe"] > worst * median and moved > CLOSE:
        return "fail"
    return "inconclusive" if moved > flat else "pass"


def _words(rows: list[Row], of: int, verdict: Verdict, case: Pilot) -> str:
    first = max(rows, key=lambda r: -1.0 if r["ratio"] is None else r["ratio"])
    many = (
        f" ({len(rows)} of {of} treated: {some([r['treated'] for r in rows])})" if of > 1 and verdict != "pass" else ""
    )
    said = _of(first, case.unit)
    if verdict == "fail":
        return f"No donor mix follows {first['treated']} before the measure: {said}; do not read the gap as an effect{many}."
    if verdict == "inconclusive":
        return f"{_nothing(first)}: {said}. The gap after the measure has little to rest on{many}."
    who = first["treated"] if of == 1 else f"each of {of} treated, the worst {first['treated']}"
    return f"A mix of donors follows {who} over {counted(first['periods'], 'period')} before the measure: {said}."


def _nothing(row: Row) -> str:
    if row["movement"] == 0:
        return f"The outcome does not move before the measure, so that any donors seem to follow {row['treated']}"
    return f"Donors follow {row['treated']} no closer than a flat line would"


def _of(row: Row, unit: str) -> str:
    """RMSPE in words, in donors' medians and in the outcome's movement."""
    text = f"RMSPE {number(row['rmspe'])}"
    if row["median"] is not None:
        times = "" if row["ratio"] is None else f"{row['ratio']:.1f} times "
        text += f", {times}the median {number(row['median'])} of {counted(len(row['donors']), f'placebo {unit}', 'placebos')}"
    if row["of_movement"] is not None and row["movement"] > 0:
        text += f", {row['of_movement']:.0%} of what the outcome moves within a {unit}"
    return text


def _unique(rows: list[Row]) -> str:
    """That other weights fit as well, where it is so."""
    who = [r["treated"] for r in rows if r["unique"] is False]
    if not who:
        return ""
    return (
        f" Several mixes of donors fit {some(who)} equally well: do not read the weights, and see leave_one_donor_out."
    )
