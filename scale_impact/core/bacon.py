"""The Goodman-Bacon decomposition of two-way fixed effects with several adoption dates."""

from __future__ import annotations

from typing import Any

import pandas as pd

from scale_impact.core.cohorts import Cohorts, Floats

NEVER = "Treated vs Untreated"
EARLIER = "Earlier vs Later Treated"
LATER = "Later vs Earlier Treated"
ALWAYS = "Later vs Always Treated"
FORBIDDEN = (LATER, ALWAYS)
"""Comparisons whose controls are treated already."""


def decompose(moments: Cohorts, labels: tuple[Any, ...]) -> pd.DataFrame:
    """Each 2x2 comparison behind the two-way fixed-effects estimate.

    Parameters
    ----------
    moments:
        Of a balanced panel.
    labels:
        First treated period of each cohort.

    Returns
    -------
    A frame with ``treated``, ``untreated`` (None: never treated), ``type``, ``estimate`` and
    ``weight``; the weights sum to 1 and the weighted estimates to the two-way estimate.

    Source: Goodman-Bacon (2021), theorem 1, equations 7 and 10.
    """
    cohorts = range(len(labels))
    adopting = [g for g in cohorts if 0 < moments.starts[g] < moments.n_periods]
    rows = [_pair(moments, labels, k, u) for k in adopting for u in cohorts if u != k]
    total = sum(weight for *_, weight in rows) or 1.0
    rows = [(*start, weight / total) for *start, weight in rows]
    rows.sort(key=lambda row: (row[2], -row[4]))
    return pd.DataFrame(rows, columns=["treated", "untreated", "type", "estimate", "weight"])


def forbidden_weight(frame: pd.DataFrame) -> float:
    """Share of the weight on comparisons with units that are treated already."""
    return float(sum(w for kind, w in zip(frame["type"], frame["weight"], strict=True) if kind in FORBIDDEN))


def _pair(moments: Cohorts, labels: tuple[Any, ...], k: int, u: int) -> tuple[Any, ...]:
    """The comparison in which cohort k becomes treated and cohort u does not change."""
    t = moments.n_periods
    start, other = int(moments.starts[k]), int(moments.starts[u])
    n_k, n_u = float(moments.units[k]), float(moments.units[u])
    if other == t or other == 0:
        first, last = 0, t
        kind = NEVER if other == t else ALWAYS
    elif other > start:
        first, last, kind = 0, other, EARLIER
    else:
        first, last, kind = other, t, LATER
    weight = _weight(n_k, n_u, (start - first) / (last - first), (last - first) / t)
    untreated = None if other == t else labels[u]
    return labels[k], untreated, kind, _two_by_two(moments.paths, k, u, first, start, last), weight


def _weight(n_k: float, n_u: float, before: float, window: float) -> float:
    """Product of sample share and variance of treatment in the comparison's window."""
    share = n_k / (n_k + n_u)
    return ((n_k + n_u) * window) ** 2 * share * (1 - share) * before * (1 - before)


def _two_by_two(paths: Floats, k: int, u: int, first: int, start: int, last: int) -> float:
    gap = paths[k] - paths[u]
    return float(gap[start:last].sum() / (last - start) - gap[first:start].sum() / (start - first))
