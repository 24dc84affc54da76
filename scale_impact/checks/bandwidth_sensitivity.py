"""Does the jump depend on how far from the threshold observations count?

Near it the two sides are most alike but few; farther away the polynomial's bend matters. The estimate is made again at multiples of the
study's bandwidths: an answer that holds is about the same at all of them, less sure at small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from annotated_types import Gt

from scale_impact.checks._threshold import at_threshold, row_of, tried
from scale_impact.core.causal.discontinuity.bandwidths import Bandwidths
from scale_impact.core.causal.discontinuity.found import Discontinuity
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number

NAME = "bandwidth_sensitivity"

EXPOSURE = True

FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)

WHOLE_DATA = "All observations lie within each bandwidth, so that none says whether the answer depends on it."

Refit = Callable[[Panel, Design], Effect]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    factors: Sequence[Annotated[float, Gt(0)]] = FACTORS,
    alpha: Share = 0.05,
) -> Check:
    """Estimates at multiples of the bandwidths of the estimate and its bias.

    Parameters
    ----------
    panel, design, refit:
        The data, the threshold, and the estimator.
    factors:
        Multiples; those that leave nobody out are not tried.
    alpha:
        Level of the intervals: 1 - alpha.

    Returns
    -------
    Check that fails where an interval at another bandwidth leaves the study's estimate out (which, as estimates share most of their data, is
    much), and is inconclusive where the study's interval leaves zero out and an estimate at another bandwidth has the other sign, or none can
    be made. ``details.rows`` have each estimate with its robust interval.

    Source: Imbens and Lemieux (2008), section 7.5; Cattaneo, Idrobo and Titiunik (2020), section 5.5.
    """
    found = at_threshold(NAME, panel, design, refit)
    if isinstance(found, Check):
        return found
    main = row_of(found.jump, 1 - alpha)
    rows = [_row(found, f, alpha) for f in sorted({*map(float, factors), 1.0}) if _reaches(found, f)]
    known = [r for r in rows if r["ci_low"] is not None and r["factor"] != 1]
    if len(rows) == 1 and any(f != 1 for f in factors):
        return Check.inapplicable(
            NAME, f"{WHOLE_DATA} Name a smaller one, `bandwidth: <number>`, or smaller `factors`."
        )
    if not known or main["std_error"] is None:
        return Check.inapplicable(NAME, "There is no estimate with an interval at another bandwidth.")
    verdict = _verdict(main, rows, known)
    return Check(
        NAME,
        verdict,
        _reason(main, known, verdict),
        details={"alpha": alpha, "rows": rows, "column": found.observations.rule.column},
    )


def _row(found: Discontinuity, factor: float, alpha: float) -> dict[str, Any]:
    own = found.jump.bandwidths
    wide = Bandwidths((own.h[0] * factor, own.h[1] * factor), (own.b[0] * factor, own.b[1] * factor))
    made = found.jump if factor == 1 else tried(lambda: found.at(wide))
    return {"factor": factor, "bandwidth": max(wide.h), **row_of(made, 1 - alpha)}


def _reaches(found: Discontinuity, factor: float) -> bool:
    """Whether a multiple leaves somebody out; where it does not, it asks of the same observations as any wider one."""
    return factor == 1 or any(
        h * factor < side.reach for h, side in zip(found.jump.bandwidths.h, found.sides, strict=True)
    )


def _outside(main: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in rows if not r["ci_low"] <= main["estimate"] <= r["ci_high"]]


def _turned(main: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Estimates of the other sign where the study's interval leaves zero out."""
    if main["ci_low"] <= 0 <= main["ci_high"]:
        return []
    return [r for r in rows if r["estimate"] * main["estimate"] < 0]


def _verdict(main: dict[str, Any], rows: list[dict[str, Any]], known: list[dict[str, Any]]) -> Verdict:
    if _outside(main, known):
        return "fail"
    return "inconclusive" if _turned(main, known) or any(r["ci_low"] is None for r in rows) else "pass"


def _reason(main: dict[str, Any], known: list[dict[str, Any]], verdict: Verdict) -> str:
    low, high = (f([r["estimate"] for r in known]) for f in (min, max))
    ends = [f([r["factor"] for r in known]) for f in (min, max)]
    span = (
        f"At {number(ends[0])} to {number(ends[1])} times the bandwidth the estimate goes from {number(low)} to {number(high)} "
        f"(here {number(main['estimate'])})"
    )
    if verdict == "pass":
        return f"{span}, within what chance explains."
    if verdict == "fail":
        worst = _outside(main, known)
        at = ", ".join(
            f"{number(r['factor'])} (interval {number(r['ci_low'])} to {number(r['ci_high'])})" for r in worst[:3]
        )
        return f"{span}: intervals leave it out at {at}. The answer depends on how far observations count."
    turned = _turned(main, known)
    if turned:
        return (
            f"{span}: its sign turns at {', '.join(number(r['factor']) for r in turned[:3])}, where intervals are wide."
        )
    return f"{span}; some bandwidths give no estimate."
