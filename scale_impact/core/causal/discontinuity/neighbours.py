"""Errors of observations from those nearest to them in the running variable (Abadie and Imbens 2006)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.discontinuity.choices import HAIR, Floats
from scale_impact.core.causal.discontinuity.sides import Side

Ints = NDArray[np.int64]


def neighbour_residuals(side: Side, matches: int) -> Floats:
    """What each observation has beyond the mean of its ``matches`` nearest, [n, m].

    Neighbours at the same distance all count, so that some have more than ``matches``. Scaled by
    sqrt(J / (J + 1)), J neighbours, so that squares have the errors' variance.

    Source: Abadie and Imbens (2006); Calonico, Cattaneo and Titiunik (2014).
    """
    counts = np.diff(np.append(side.first, side.n))
    low, high = _windows(np.abs(side.x[side.first]), counts, min(matches, side.n - 1))
    total = _window_sums(np.add.reduceat(side.columns, side.first, axis=0), low, high)
    size = _window_sums(counts[:, None].astype(float), low, high)[:, 0] - 1
    each = np.repeat(np.arange(len(counts)), counts)
    others = size[each][:, None]
    residuals = side.columns - (total[each] - side.columns) / others
    return np.asarray(np.sqrt(others / (others + 1)) * residuals)


def _windows(at: Floats, counts: Ints, need: int) -> tuple[Ints, Ints]:
    """First and last of the distinct values (sorted, ``at``) that are each one's neighbours."""
    low, high = np.arange(len(at)), np.arange(len(at))
    have = counts - 1
    short = np.flatnonzero(have < need)
    while len(short):
        left, right = _gaps(at, short, low[short], high[short])
        near = HAIR * np.where(np.isinf(np.maximum(left, right)), 0, np.maximum(left, right))
        low[short] -= left <= right + near
        high[short] += right <= left + near
        have[short] = _held(counts, low[short], high[short]) - 1
        short = short[have[short] < need]
    return low, high


def _gaps(at: Floats, k: Ints, low: Ints, high: Ints) -> tuple[Floats, Floats]:
    """How far the next value on each side is; infinite where there is none."""
    last = len(at) - 1
    left = np.where(low > 0, at[k] - at[np.maximum(low - 1, 0)], np.inf)
    right = np.where(high < last, at[np.minimum(high + 1, last)] - at[k], np.inf)
    return left, right


def _held(counts: Ints, low: Ints, high: Ints) -> Ints:
    """Observations within windows of distinct values."""
    ends = np.r_[0, np.cumsum(counts)]
    return np.asarray(ends[high + 1] - ends[low])


def _window_sums(values: Floats, low: Ints, high: Ints) -> Floats:
    """Sums of ``values`` [M, m] from ``low`` to ``high``; added one by one, as sums of many would lose digits."""
    k = np.arange(len(values))
    total = values.copy()
    for step in range(1, int(max((k - low).max(), (high - k).max())) + 1):
        total[step:] += values[:-step] * (k - step >= low)[step:, None]
        total[:-step] += values[step:] * (k + step <= high)[:-step, None]
    return total
