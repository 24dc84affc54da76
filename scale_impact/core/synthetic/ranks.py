"""The test of placebo cities: its statistic, its p-value, the value it has to exceed, and the smallest effect that it notices.

Inference, the power check and the plan of a pilot ask here, so that what is planned is the test that is made. By rank the p-value is
the share of cities, the treated one among them, with as large a statistic; by spread the average gap is held against the placebos'
standard deviation, with the t distribution.

Source: Abadie, Diamond and Hainmueller (2010), section 2.4, by rank; Firpo and Possebom (2018), section 4, the effects that are not
rejected; Arkhangelsky et al. (2021), algorithm 4, by spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Literal["rmspe_ratio", "effect", "effect_over_fit"]
Side = Literal["two", "lower", "upper"]

TIES = 1e-9
"""Statistics that differ by less than this share are equal."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """What the test looks at, for anything of one shape: roots of mean squared gaps before and after, and the mean gap after."""

    pre: Floats
    post: Floats
    effect: Floats


def over_fit(size: Floats, pre: Floats) -> Floats:
    """Sizes in terms of the fit before; infinite over an exact fit, zero where both are."""
    exact = pre <= 0
    with_exact = np.where(size == 0, 0.0, np.copysign(np.inf, size))
    return np.asarray(np.where(exact, with_exact, size / np.where(exact, 1.0, pre)))


def turned(gaps: Floats, side: Side) -> Floats:
    """Gaps such that larger ones are more extreme."""
    return np.abs(gaps) if side == "two" else gaps if side == "upper" else -gaps


def on_side(gaps: Floats, side: Side) -> Floats:
    """The part of each gap that counts in an RMSPE: nothing of one on the other side."""
    found = turned(gaps, side)
    return found if side == "two" else np.where(np.isnan(found), np.nan, np.maximum(found, 0.0))


def statistics(sizes: Sizes, statistic: Statistic, side: Side) -> Floats:
    """The test statistic; larger is more extreme. With the RMSPE ratio ``sizes.post`` is of the gaps ``on_side``."""
    size = sizes.post if statistic == "rmspe_ratio" else turned(sizes.effect, side)
    return size if statistic == "effect" else over_fit(size, sizes.pre)


# ---- by rank -----------------------------------------------------------------------------------


def p_value(mine: float, placebos: Floats) -> float:
    """Share of all cities, the treated one among them, with as large a statistic; placebos in increasing order."""
    first = int(np.searchsorted(placebos, _less_ties(np.asarray(mine))))
    return (1 + len(placebos) - first) / (1 + len(placebos))


def _less_ties(statistic: Floats) -> Floats:
    """The least that equals a statistic."""
    return statistic * (1 - TIES * np.sign(statistic))


def allowed(placebos: int, alpha: float) -> int:
    """How many placebos may be as large as the treated's statistic in a rejection; -1 where no rejection is possible."""
    return min(math.floor(alpha * (placebos + 1) + TIES), placebos) - 1


def critical(placebos: Floats, alpha: float) -> float:
    """The value that a statistic has to exceed for p <= alpha; infinite where none is large enough. NaN is no placebo."""
    known = np.sort(placebos[~np.isnan(placebos)])
    above = allowed(len(known), alpha)
    return math.inf if above < 0 else float(known[len(known) - 1 - above])


def exceeds(statistic: Floats, limit: Floats | float) -> NDArray[np.bool_]:
    """Whether statistics are larger than the value that they have to exceed, and not equal to it but for rounding."""
    return np.asarray(_less_ties(statistic) > limit)


def half_width(reach: Floats | float, variance: Floats | float) -> Floats:
    """How far a constant effect may lie from the mean gap without being rejected; NaN where each effect is.

    The mean square of gaps less an effect is their variance plus (mean - effect)^2; it is not rejected while that is no more than
    ``reach`` squared. ``variance`` is 0 where the mean gap alone is compared.
    """
    room = np.asarray(-np.asarray(variance) + np.asarray(reach) ** 2)
    return np.sqrt(np.where(room < 0, np.nan, room))


def smallest_effect(sizes: Sizes, limit: Floats | float, statistic: Statistic, sign: float) -> Floats:
    """The size of effect, of one sign, from which on the two-sided test rejects; 0 where it rejects whatever the effect.

    Infinite where nothing exceeds the limit, or there are no gaps.
    """
    variance = np.maximum(sizes.post**2 - sizes.effect**2, 0.0) if statistic == "rmspe_ratio" else 0.0
    fit = np.ones_like(sizes.pre) if statistic == "effect" else sizes.pre
    with np.errstate(invalid="ignore"):
        reach = np.where(fit > 0, limit * fit, np.where(np.isfinite(limit), 0.0, np.inf))
        width = half_width(reach, variance)
    found = np.where(reach**2 < variance, 0.0, np.maximum(width - sign * sizes.effect, 0.0))
    return np.asarray(np.nan_to_num(found, nan=np.inf, posinf=np.inf))


# ---- by spread ---------------------------------------------------------------------------------

FEWEST = 3
"""Fewer placebos show no spread: two, each with the other as its only donor, are one number with two signs.

With t quantiles 95 % cover 95 % with two placebos and 94 % with three (1,000 panels, the world of ``benchmarks/synthetic_coverage.py``), but with
two the half width says nothing: between 1.3 and 23 times the spread of the estimates in four panels of five (median 8; with three 1 to 6, 2.9)."""


def standard_error(effects: Floats) -> Floats:
    """The placebos' standard deviation, [..., M] (divisor: their number); placebos without an estimate are left out."""
    return np.asarray(np.nanstd(effects, axis=-1))


def quantile(level: float, df: NDArray[np.int64] | Floats) -> Floats:
    """Of the t distribution."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(df, level))
