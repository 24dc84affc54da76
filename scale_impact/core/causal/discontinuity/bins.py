"""Means of bins around a threshold, for figures.

So many bins that their means scatter as the data do (mimicking variance), evenly spaced or with equal counts.

Source: Calonico, Cattaneo and Titiunik (2015), the estimators by spacings and by polynomials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.discontinuity.choices import Floats
from scale_impact.core.causal.discontinuity.local_polynomial import powers
from scale_impact.core.causal.discontinuity.sides import Side

Spacing = Literal["even", "quantile"]

DEGREE = 4
"""Of the polynomials that variances are read from where values repeat."""


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of one side: middle, mean outcome and number of observations (those without any left out), by the running variable.

    ``asked`` is the number of bins before empty ones were left out.
    """

    middle: Floats
    mean: Floats
    n: NDArray[np.int64]
    asked: int


def bins(side: Side, n: int, tied: bool, spacing: Spacing = "even") -> Bins:
    """Bin one side; ``n`` are all observations of both sides, ``tied`` says that values repeat on either side."""
    y = side.columns[:, 0]
    asked = _number(side, y, n, tied, spacing)
    far = float(side.x[-1])
    ends = np.linspace(min(far, 0.0), max(far, 0.0), asked + 1)
    if spacing == "quantile":
        ends = np.unique(np.quantile(side.x, np.linspace(0, 1, asked + 1)))
    which = np.clip(np.searchsorted(ends, side.x, side="right") - 1, 0, max(len(ends) - 2, 0))
    counts = np.bincount(which)
    some = counts > 0
    mean = np.bincount(which, weights=y)[some] / counts[some]
    middle = ((ends[1:] + ends[:-1]) / 2 if len(ends) > 1 else ends)[: len(counts)][some]
    return Bins(middle, mean, counts[some], asked)


def _number(side: Side, y: Floats, n: int, tied: bool, spacing: Spacing) -> int:
    """How many bins have means that vary as much as the outcome does."""
    spread = float(np.var(y, ddof=1))
    noise = _noise_by_fit(side, y, spacing) if tied else _noise_by_spacings(side, y, spacing)
    if not noise > 0 or not spread > 0:
        return 1
    return int(min(np.ceil(spread / noise * n / np.log(n) ** 2), max(side.n, 1)))


def _noise_by_spacings(side: Side, y: Floats, spacing: Spacing) -> float:
    """The outcome's variance given the running variable, from neighbours' differences."""
    steps = np.diff(y) ** 2
    if spacing == "quantile":
        return float(steps.sum() / (2 * side.n))
    return float(0.5 / side.reach * (np.abs(np.diff(side.x)) * steps).sum())


def _noise_by_fit(side: Side, y: Floats, spacing: Spacing) -> float:
    """The same from polynomials of the outcome and of its square."""
    x = side.x / side.reach
    degree = min(DEGREE, side.distinct - 1)
    slopes = np.linalg.lstsq(powers(x, degree), np.column_stack([y, y**2]), rcond=None)[0]
    at = x if spacing == "quantile" else (x[1:] + x[:-1]) / 2
    mean, square = (powers(at, degree) @ slopes).T
    variance = np.where(square - mean**2 < 0, np.var(y, ddof=1), square - mean**2)
    if spacing == "quantile":
        return float(variance.sum() / side.n)
    return float((np.abs(np.diff(side.x)) * variance).sum() / side.reach)
