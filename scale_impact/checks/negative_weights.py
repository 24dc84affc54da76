"""How does two-way fixed effects weight the effects that it averages, and how far can they mislead?

The coefficient is a weighted sum of the effects in treated cohort x period cells. Where some
weights are negative it can have another sign than every single effect. Two numbers say how much
effects have to differ for that: the less it takes, the less the coefficient is worth.

Right for the two-way coefficient of treatment, and for an event study by two-way fixed effects,
whose coefficients mix in the effects at other event times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import Analysis, several_dates
from scale_impact.core.check import Check, Verdict
from scale_impact.core.cohorts import Cohorts, Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.event_dummies import event_dummies
from scale_impact.core.fixed_effects import treated_cells
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.within import Trends, over_time, two_way
from scale_impact.core.words import counted, plain
from scale_impact.errors import UsageError

NAME = "negative_weights"

ROUNDING = 1e-12
"""A weight nearer to zero than this is zero."""


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    estimator: Literal["twfe", "event_study"] = "twfe",
    tolerance: Share = 0.05,
    always_treated: bool = False,
    trends: Trends | None = None,
) -> Check:
    """The weights behind two-way fixed effects.

    Parameters
    ----------
    panel, design, refit:
        The data and the design; the weights are those of two-way fixed effects whatever the
        study's estimator is.
    estimator:
        ``twfe``: of the coefficient of treatment. ``event_study``: of the coefficients by event time.
    tolerance:
        The check fails where negative weights sum to more than this (the weights sum to 1); for
        an event study, where a coefficient from event time 0 on has more absolute weight than
        this on effects at other event times.
    always_treated, trends:
        As the estimator has them.

    Returns
    -------
    Check whose statistic is that sum. ``details``: the weights; for ``twfe`` also how many cells
    and observations have a negative one, and the least standard deviation of effects between
    cells with which the coefficient could be what it is though the average effect is zero
    (``least_spread``), or though every effect has the other sign (``least_spread_of_sign``).

    Source: de Chaisemartin and D'Haultfoeuille (2020), theorem 1 and corollary 1; Sun and Abraham
    (2021), proposition 2.
    """
    if design.cross_sections or design.incomplete:
        return Check.inapplicable(NAME, "The weights are those of a balanced panel of units followed over time.")
    if design.reversals is not None:
        return Check.inapplicable(NAME, design.reversals)
    several = len(design.adopting) > 1 or (always_treated and len(design.always_treated) > 0)
    if not several and trends is None:
        return Check.inapplicable(NAME, "There is one adoption date, so all weights are positive.")
    if estimator == "event_study":
        return _of_event_study(Analysis.of(panel, design), trends, tolerance)
    if estimator != "twfe":
        raise UsageError(f"negative_weights: estimator is {estimator!r}; it has to be twfe or event_study.")
    return _of_treatment(Analysis.of(panel, design, always_treated=always_treated), trends, tolerance)


# ---- the coefficient of treatment -------------------------------------------------------------------


def _of_treatment(analysis: Analysis, trends: Trends | None, tolerance: float) -> Check:
    moments = analysis.moments
    treated = treated_cells(moments)
    fitted = two_way(moments, treated[None].astype(float), over_time(moments.clock, trends))
    weights, n = fitted.weights[0][treated], moments.counts[treated]
    value, share = float(fitted.coefficients[0]), n / n.sum()
    below = weights < -ROUNDING
    total = float(weights[below].sum())
    spread, of_sign = _least_spreads(value, weights / share, share, float(n.sum()))
    details = {
        "estimate": value,
        "tolerance": tolerance,
        "sum_negative": total,
        "sum_positive": float(weights[~below].sum()),
        "cells": len(weights),
        "cells_negative": int(below.sum()),
        "observations": int(n.sum()),
        "observations_negative": int(n[below].sum()),
        "least_spread": spread,
        "least_spread_of_sign": of_sign,
        "weights": _rows(analysis, treated, weights),
    }
    verdict: Verdict = "fail" if -total > tolerance else "pass"
    return Check(NAME, verdict, _words(details, several_dates(analysis.design)), total, None, details, of="twfe")


def _least_spreads(value: float, w: Floats, share: Floats, n: float) -> tuple[float | None, float | None]:
    """Least standard deviations of effects: with an average of zero, and with all of the other sign.

    ``w`` are the weights relative to the cells' shares of the n treated observations, which average 1.

    Source: de Chaisemartin and D'Haultfoeuille (2020), corollary 1; for the first, the weights' own
    standard deviation has divisor n - 1, as in their package TwoWayFEWeights.
    """
    deviation = float(np.sqrt((share * (w - 1) ** 2).sum() * n / max(n - 1, 1)))
    spread = abs(value) / deviation if deviation > ROUNDING else None
    if not (w < -ROUNDING).any():
        return spread, None
    order = np.argsort(-w, kind="stable")
    w, share = w[order], share[order]
    p, s, t = (np.cumsum((share * w**k)[::-1])[::-1] for k in (0, 1, 2))  # sums over this cell and those below
    left = 1 - p
    with np.errstate(divide="ignore"):
        first = int(np.argmax(w < -np.where(left > ROUNDING, s / left, np.inf)))
    return spread, float(abs(value) / np.sqrt(t[first] + s[first] ** 2 / (1 - p[first])))


def _rows(analysis: Analysis, cells: NDArray[np.bool_], weights: Floats) -> list[dict[str, Any]]:
    """The cells with their weights."""
    cohort, period = np.nonzero(cells)
    return [
        {"cohort": analysis.names[g], "period": plain(analysis.panel.periods[t]), "weight": float(w)}
        for g, t, w in zip(cohort, period, weights, strict=True)
    ]


def _words(details: dict[str, Any], dates: str) -> str:
    negative, cells = details["cells_negative"], counted(details["cells"], "treated cohort x period cell")
    if not negative:
        return f"None of the {cells} has a negative weight in the two-way estimate ({dates})."
    has = "has a negative weight" if negative == 1 else "have negative weights"
    start = f"{negative} of {cells} {has} in the two-way estimate, summing to {details['sum_negative']:.3g}."
    return (
        f"{start} Were the average effect zero, effects with a standard deviation of {details['least_spread']:.3g} between cells "
        f"could give this estimate ({details['estimate']:.3g}); with {details['least_spread_of_sign']:.3g} all of them could have the other sign."
    )


# ---- the coefficients of an event study ---------------------------------------------------------------


def _of_event_study(analysis: Analysis, trends: Trends | None, tolerance: float) -> Check:
    moments = analysis.moments
    found = event_dummies(moments, analysis.design, None, trends)
    weights = two_way(moments, found.dummies, over_time(moments.clock, trends)).weights
    after = treated_cells(moments)
    rows = [_row(e, weights[k], found.since, after, moments) for k, e in enumerate(found.levels)]
    worst = max((r for r in rows if r["event_time"] >= 0), key=lambda r: float(r["elsewhere"]))
    before = max((float(r["elsewhere"]) for r in rows if r["event_time"] < 0), default=0.0)
    statistic = float(worst["elsewhere"])
    verdict: Verdict = "fail" if statistic > tolerance else "pass"
    words = (
        f"Of the event study's coefficients from event time 0 on, that of {plain(worst['event_time'])} has the most weight on "
        f"effects at other event times: {statistic:.3g} in absolute terms (its own weights sum to 1). Before treatment, where "
        f"a test of trends looks, it is up to {before:.3g}. Where effects differ by cohort, these do not cancel."
    )
    details = {"tolerance": tolerance, "event_times": rows}
    return Check(NAME, verdict, words, statistic, None, details, of="event_study")


def _row(e: float, weights: Floats, since: Floats, after: NDArray[np.bool_], moments: Cohorts) -> dict[str, float]:
    """Absolute weights of a coefficient on effects at other event times, and the negative ones at its own."""
    own = since == e
    return {
        "event_time": e,
        "elsewhere": float(np.abs(weights[after & ~own]).sum()),
        "own_negative": float(np.minimum(weights[own], 0.0).sum()),
    }
