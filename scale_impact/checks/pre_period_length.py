"""Does the answer depend on how far back the data go? The donors are fitted on fewer and fewer periods before the measure.

The periods after stay as they are; the first period fitted on moves towards the measure. An effect that grows or fades with
every year left out rests on an old resemblance, or on chance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from scale_impact.checks._pilots import Pilot, Refit, or_none, pilot, verdict_of
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.pilots import FEWEST
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import counted, number

NAME = "pre_period_length"

WITHOUT_CONTROLS = True
"""It can be asked where there is nobody to compare with, too."""

Row = dict[str, Any]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    lengths: Count = 10,
    shortest: Share = 0.5,
    tolerance: Share = 0.5,
) -> Check:
    """The effect with donors fitted on fewer periods.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    lengths:
        At most so many shorter spans, evenly spaced.
    shortest:
        Share of the periods before the measure that the shortest span keeps (three periods at least).
    tolerance:
        Change of the effect, as a share of it, from which on it depends on the span.

    Returns
    -------
    Check that fails where a shorter span changes the effect by more than ``tolerance`` of itself (of the median placebo's, where
    that is larger), inconclusive where an effect that does not stand out from placebos does, or changes its sign. Its statistic
    is the largest change.
    ``details.rows`` has the effect and the RMSPE by the periods left out;
    ``details.trend`` the change of the effect with each period left out (least squares).

    Source: Abadie (2021), section 4, on the number of periods before; Ferman, Pinto and Possebom (2020) on choosing among them.
    """
    case = pilot(NAME, panel, design, refit, "an event study shows its path with placebo_dates and pre_trends")
    if isinstance(case, Check):
        return case
    most = _droppable(case.worlds, shortest)
    if most < 1:
        return Check.inapplicable(
            NAME, f"There are too few periods before the measure to leave one out: {FEWEST} have to stay."
        )
    steps = [0, *_steps(most, lengths)]
    variants = [_later(case.worlds, k) for k in steps]
    rows = _rows(case, steps, variants, case.ask(variants))
    details = {"tolerance": tolerance, "rows": rows, "trend": _trend(rows)}
    return _judged(case, rows, details, tolerance)


def _droppable(worlds: Worlds, shortest: float) -> int:
    """Periods that each treated unit can do without."""
    before = worlds.fit.sum(axis=1)
    return int((before - np.maximum(np.ceil(shortest * before - 1e-9), FEWEST)).min())


def _steps(most: int, lengths: int) -> list[int]:
    return sorted({int(k) for k in np.ceil(np.linspace(most / min(lengths, most), most, min(lengths, most)) - 1e-9)})


def _later(worlds: Worlds, dropped: int) -> Worlds:
    """The question with the first periods not fitted on."""
    return replace(worlds, fit=worlds.fit & (np.cumsum(worlds.fit, axis=1) > dropped))


def _rows(case: Pilot, steps: list[int], variants: list[Worlds], gaps: Floats) -> list[Row]:
    rows = []
    for k, variant, gap, effect in zip(steps, variants, gaps, case.average(gaps), strict=True):
        fit = variant.fit * case.sizes[:, None] * np.isfinite(gap)
        squares = np.where(fit > 0, gap**2, 0.0)
        rows.append(
            {
                "dropped": k,
                "from": case.label(int(np.argmax(variant.fit[0]))),
                "periods": int(variant.fit.sum(axis=1).min()),
                "estimate": or_none(effect),
                "rmspe": or_none(np.sqrt((fit * squares).sum() / fit.sum())),
            }
        )
    return rows


def _trend(rows: list[Row]) -> float | None:
    known = [(r["dropped"], r["estimate"]) for r in rows if r["estimate"] is not None]
    if len(known) < 3:
        return None
    x, y = np.array(known, dtype=float).T
    return float(np.polyfit(x, y, 1)[0])


def _judged(case: Pilot, rows: list[Row], details: dict[str, Any], tolerance: float) -> Check:
    full, known = rows[0]["estimate"], [r for r in rows[1:] if r["estimate"] is not None]
    if full is None or not known:
        return Check(NAME, "inconclusive", "No shorter span gives an estimate.", details=details)
    details = {**details, "allowed": tolerance * max(abs(full), case.noise)}
    worst = max(known, key=lambda r: abs(r["estimate"] - full))
    change = abs(worst["estimate"] - full)
    turned = any(r["estimate"] * full < 0 for r in known)
    verdict = verdict_of(case, full, change, tolerance, turned=turned)
    small = case.small if verdict == "inconclusive" else ""
    return Check(NAME, verdict, _words(rows, known, worst, verdict, small, details["trend"]), change, details=details)


def _words(rows: list[Row], known: list[Row], worst: Row, verdict: Verdict, small: str, trend: float | None) -> str:
    values = [r["estimate"] for r in (rows[0], *known)]
    span = f"between {number(min(values))} and {number(max(values))}"
    spans = f"fitted on {known[-1]['periods']} to {counted(rows[0]['periods'], 'period')}"
    drift = "" if trend is None else f" Each period left out changes it by {number(trend)}."
    if verdict != "fail":
        end = ": the span does not decide it." if verdict == "pass" else f". {small}"
        return f"{spans[0].upper()}{spans[1:]} the effect of {number(rows[0]['estimate'])} lies {span}{end}{drift}"
    return (
        f"The effect of {number(rows[0]['estimate'])} depends on how far back the data go: {spans} it lies {span}, "
        f"{number(worst['estimate'])} from {worst['from']} on.{drift}"
    )
