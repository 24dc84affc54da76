"""Are there enough clusters for the interval that the estimator makes?

Clusters are counted: all, those treated, those to compare with, and how many they are worth
(effective clusters: few large ones are worth less). The interval is then made in each way that is
valid with few clusters, side by side; where they are too few, the analytic one has to say the same
as the one that is valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scale_impact.core.analysis import MANY_CLUSTERS, MANY_TREATED
from scale_impact.core.blocks import ClusterCounts, blocks_of, cluster_counts
from scale_impact.core.check import Check, Verdict
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Judgement
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.targets import Target, targets_of
from scale_impact.core.words import number
from scale_impact.inference import Opinion, enough, opinions

NAME = "few_clusters"

ENOUGH_EFFECTIVE = 20
"""From so many effective clusters on many clusters are many."""

MANY = 200
"""With more clusters than this only the quick methods are asked."""


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    level: Share = 0.95,
    draws: Count = 9_999,
    seed: int = 20251122,
) -> Check:
    """Count clusters, and put intervals side by side.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    level:
        Of the intervals.
    draws, seed:
        Of the methods that draw.

    Returns
    -------
    Check that passes where clusters are enough, or the analytic interval says the same as the
    valid one (zero is excluded or not, on the same side); ``details.rows`` has each interval.
    Inconclusive where no method can tell.

    Source: Carter, Schnepel and Steigerwald (2017) for effective clusters, with errors that are
    independent within clusters; Cameron and Miller (2015), section VI.
    """
    counts = cluster_counts(panel, design)
    if counts is None:
        return Check.inapplicable(NAME, "Each observation stands for itself: there are no clusters to be few.")
    effect = refit(panel, design)
    if effect.overall.value is None:
        return Check.inapplicable(NAME, f"There is no estimate: {effect.overall.reason}.")
    target = targets_of(effect, panel, design, refit)[0]
    share = _shares(effect, panel, design, target)
    found = opinions(effect, panel, design, refit, seed=seed, draws=draws, many=counts.total > MANY)
    worth = None if share is None else float(1 / (share**2).sum())
    many = enough(panel, design) and (worth is None or worth >= ENOUGH_EFFECTIVE)
    verdict, reason = _verdict(
        effect.overall, found, level, many, _counted(counts, worth, design.cluster or panel.unit)
    )
    details = {
        "clusters": counts.total,
        "treated": counts.treated,
        "controls": counts.controls,
        "effective": worth,
        "largest_share": None if share is None else float(share.max()),
        "level": level,
        "estimate": effect.overall.value,
        "rows": _rows(effect.overall, found, level),
    }
    return Check(NAME, verdict, reason, worth, None, details)


def _shares(effect: Effect, panel: Panel, design: Design, target: Target) -> Floats | None:
    """Each cluster's share of the estimate's variance, [C]: by its weights, or by its influence where there are none.

    One over the sum of their squares is C / (1 + variance / mean^2), the effective clusters of
    Carter, Schnepel and Steigerwald (2017).
    """
    if target.loadings is not None:
        blocks = blocks_of(panel, design)
        squares = (blocks.counts * target.loadings[blocks.cohort] ** 2).sum(axis=1)
        size = np.asarray(np.bincount(blocks.cluster, squares), dtype=float)
    elif effect.influence is not None:
        size = np.asarray(effect.influence.by_cluster[:, 0] ** 2, dtype=float)
    else:
        return None
    return np.asarray(size / size.sum()) if size.sum() > 0 else None


def _counted(counts: ClusterCounts, worth: float | None, thing: str | None) -> str:
    worthy = "" if worth is None else f", worth {worth:.0f} equal ones"
    return f"{counts.total:,} clusters ({thing}{worthy}), {counts.treated} treated, {counts.controls} to compare with"


def _says(low: float, high: float) -> str:
    return "positive" if low > 0 else "negative" if high < 0 else "not told apart from zero"


def _rows(estimate: Estimate, found: list[Opinion], level: float) -> list[dict[str, Any]]:
    analytic = {"method": "analytic", **_numbers(estimate, level), "reason": estimate.reason, "valid": False}
    return [analytic] + [
        {"method": o.method, **_numbers(o.judgement, level), "reason": o.reason, "valid": o.valid} for o in found
    ]


def _numbers(by: Estimate | Judgement | None, level: float) -> dict[str, Any]:
    """Interval (a missing end is infinite where there is a p-value) and p-value."""
    ends = None if by is None else by.interval(level)
    low, high = (end if np.isfinite(end) else None for end in ends or (np.nan, np.nan))
    return {"ci_low": low, "ci_high": high, "p_value": None if by is None else by.p_value}


def _verdict(estimate: Estimate, found: list[Opinion], level: float, many: bool, counted: str) -> tuple[Verdict, str]:
    analytic = estimate.interval(level)
    if many:
        return "pass", f"{counted}: enough for the analytic interval."
    valid = next((o for o in found if o.valid and o.judgement), None) or next(
        (o for o in found if o.method == "wild_bootstrap" and o.judgement), None
    )
    ends = None if valid is None or valid.judgement is None else valid.judgement.interval(level)
    if valid is None or ends is None or not np.isfinite(ends).any():
        return "inconclusive", f"{counted}: too few for any interval at {level:.0%}."
    said = f"by {valid.method} it is {_says(*ends)} ({_interval(ends)})"
    few = (
        f"{counted}: the analytic interval asks for {MANY_CLUSTERS} (worth {ENOUGH_EFFECTIVE}), {MANY_TREATED} and "
        f"{MANY_TREATED} at least, and {MANY_TREATED} in most cohorts"
    )
    if analytic is None:
        return "pass", f"{few}. It has none; {said}."
    if _says(*analytic) == _says(*ends):
        return "pass", f"{few}, but it says the same: {said}, analytically {_interval(analytic)}."
    return "fail", f"{few}. It calls the effect {_says(*analytic)} ({_interval(analytic)}); {said}."


def _interval(ends: tuple[float, float]) -> str:
    low, high = (number(e) if np.isfinite(e) else ("−∞" if e < 0 else "∞") for e in ends)
    return f"{low} to {high}"
