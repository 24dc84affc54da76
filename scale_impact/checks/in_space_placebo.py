"""Is the gap larger than those of cities where nothing happened? Donors are put in the treated city's place.

The root mean squared gap after the measure over that before (the RMSPE ratio) is compared: a city that donors follow badly has
wide gaps everywhere. It is right where any of the donors might as well have been treated, and protects against nothing that
makes the treated city vary more than donors do.

The treated are no donors in the placebos, so that an effect does not widen them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

import numpy as np
from annotated_types import Ge

from scale_impact.checks._pilots import Refit, or_none, placebos_of
from scale_impact.checks._reasons import because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.placebos import Gaps, Placebos, over_fit
from scale_impact.core.synthetic.worlds import Floats
from scale_impact.core.words import counted, number, some

NAME = "in_space_placebo"

CUTOFFS = (20.0, 5.0, 2.0)
"""Placebos that fit so many times worse (mean squared gap before) are left out, too."""

TIES = 1e-9

Side = Literal["two", "lower", "upper"]
Row = dict[str, Any]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    judged: Refit,
    side: Side = "two",
    worst_fit: Annotated[float, Ge(1)] | None = None,
    draws: Count = 999,
    anew: Count = 199,
    alpha: Share = 0.05,
    seed: int = 20251122,
) -> Check:
    """Place of the treated city's RMSPE ratio among those of donors in its place.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    judged:
        The estimator with the study's kind of interval; a session fills this in.
    side:
        ``two``, or against the alternative that the effect is ``lower`` or ``upper``: only negative (positive) gaps after the
        start count then.
    worst_fit:
        Leave out placebos whose mean squared gap before is more than so many times that of the treated. Without it all count,
        and ``details.cutoffs`` says what 20, 5 and 2 would give.
    draws, anew:
        Assignments of the treated units' dates to donors, drawn where there are more; ``anew`` where each has to be
        estimated anew.
    alpha:
        Level at which the study's own test and the placebos are held against each other.
    seed:
        Of the draws; default the study's.

    Returns
    -------
    Check whose statistic is the treated's RMSPE ratio and whose p-value is the share of units, the treated among them, with as
    large a one. It fails where the study's own test finds an effect and the placebos do not; inconclusive with too few donors
    for any p-value of ``alpha``.

    Source: Abadie, Diamond and Hainmueller (2010), sections 2.4 and 3.4; Abadie (2021), section 3.5, on one side.
    """
    effect = judged(panel, design)
    placebos = placebos_of(NAME, effect, panel, design, refit, (draws, anew), seed, "Use placebo_units.")
    found = effect.counterfactual
    if isinstance(placebos, Check) or found is None:
        return cast("Check", placebos)
    kept = placebos if worst_fit is None else placebos.select(placebos.fitting(worst_fit))
    if not len(kept.drawn):
        return Check(NAME, "inconclusive", f"No placebo fits within {worst_fit} times the treated's mean squared gap.")
    p = {s: _p_value(kept, s) for s in ("two", "lower", "upper")}
    verdict, end = _verdict(effect, p[side], len(kept.drawn), alpha)
    details = _details(panel, found, placebos, p, side, worst_fit, alpha)
    reason = f"{_words(found, kept, p, side, details['cutoffs'])} {end}"
    return Check(NAME, verdict, reason, details["ratio"], p[side], details)


# ---- numbers -----------------------------------------------------------------------------------


def _statistic(gaps: Gaps, side: str, *, exact: bool) -> Floats:
    """RMSPE after (of gaps on the side that counts) over RMSPE before, [B]; the RMSPE after where the treated's fit is exact."""
    part = gaps.values if side == "two" else np.maximum(gaps.values if side == "upper" else -gaps.values, 0.0)
    post = replace(gaps, values=part).root(gaps.after)
    return post if exact else over_fit(post, gaps.pre_rmspe)


def _p_value(found: Placebos, side: str) -> float:
    """Share of all units, the treated among them, with as large a statistic."""
    exact = bool(found.real.pre_rmspe[0] <= 0)
    mine = float(_statistic(found.real, side, exact=exact)[0])
    others = _statistic(found.drawn, side, exact=exact)
    return float((1 + (others >= mine - TIES * abs(mine)).sum()) / (1 + len(others)))


def _cutoffs(placebos: Placebos, side: str) -> list[Row]:
    rows = []
    for times in CUTOFFS:
        kept = placebos.select(placebos.fitting(times))
        p = _p_value(kept, side) if len(kept.drawn) else None
        rows.append({"times": times, "placebos": len(kept.drawn), "p_value": p})
    return rows


def _details(
    panel: Panel, found: Counterfactual, placebos: Placebos, p: Row, side: str, worst_fit: float | None, alpha: float
) -> Row:
    real, drawn = placebos.real, placebos.drawn
    return {
        "treated": list(found.names),
        "unit": panel.unit,
        "estimate": or_none(real.effect[0]),
        "pre_rmspe": or_none(real.pre_rmspe[0]),
        "post_rmspe": or_none(real.post_rmspe[0]),
        "ratio": or_none(real.ratio[0]),
        "p_values": p,
        "side": side,
        "worst_fit": worst_fit,
        "cutoffs": _cutoffs(placebos, side),
        "alpha": alpha,
        "possible": placebos.possible if placebos.possible < 10**9 else None,
        "lost": placebos.lost,
        "rows": [
            {"name": ", ".join(n), "ratio": or_none(r), "pre_rmspe": float(b), "post_rmspe": float(a), "estimate": float(e)}
            for n, r, b, a, e in zip(
                placebos.names, drawn.ratio, drawn.pre_rmspe, drawn.post_rmspe, drawn.effect, strict=True
            )
        ],
    }  # fmt: skip


# ---- words -------------------------------------------------------------------------------------


def _verdict(effect: Effect, p: float, n: int, alpha: float) -> tuple[Verdict, str]:
    own = effect.overall.p_value
    if 1 / (n + 1) > alpha:
        need = math.ceil(1 / alpha - 1e-9) - 1
        return "inconclusive", f"With {counted(n, 'placebo')} no gap can be unusual at {alpha:.0%}: that takes {need}."
    if p <= alpha:
        return "pass", "So large a gap is unusual where nothing happened."
    if own is None:
        why = because(effect.overall.reason)
        return (
            "inconclusive",
            f"Gaps of this size appear where nothing happened, and the estimate has no test of its own ({why}).",
        )
    if own <= alpha:
        return "fail", f"The study's own test says p = {own:.3f}, but gaps of this size appear where nothing happened."
    return "pass", f"That agrees with the study's own test (p = {own:.3f}): the effect is not told apart from zero."


def _words(found: Counterfactual, kept: Placebos, p: Row, side: str, cutoffs: list[Row]) -> str:
    real, n = kept.real, len(kept.drawn)
    who = some(found.names, 3)
    as_large = round(p[side] * (n + 1)) - 1
    every = "all " if kept.every and not kept.lost else ""
    things = "donors" if len(found.names) == 1 and found.sizes[0] == 1 else "sets of donors"
    start = (
        f"The gap of {who} after the measure is {number(float(real.ratio[0]))} times that before (RMSPE)"
        if np.isfinite(real.ratio[0])
        else f"Donors meet {who} exactly before the measure, so that gaps after it are compared as they are"
    )
    sides = "" if side != "two" else f"; one-sided {p['lower']:.3f} for a decrease, {p['upper']:.3f} for an increase"
    left = ", ".join(f"{c['p_value']:.3f} ({c['placebos']})" for c in cutoffs if c["p_value"] is not None)
    cut = f" Without placebos that fit 20, 5 or 2 times worse it is {left}." if left else ""
    return (
        f"{start}; {as_large} of {every}{n:,} {things} in the same place show as much (p = {p[side]:.3f}{sides}).{cut}"
    )
