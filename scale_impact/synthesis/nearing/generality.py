"""Are the pilots like the population? Tipton's index of generalisability.

    B = integral sqrt(f_s(t) f_p(t)) dt

is how much the distributions of the logit of being a pilot overlap among pilots and in the population: 1 where they are the same, 0
where they share nothing. The logit is that of a regression on context, the densities are normal kernels with Silverman's width
(4 sd^5 / 3n)^(1/5). From 0.9 on pilots are as like the population as a random sample is, from 0.8 on weights can make up for the
difference, from 0.5 on with errors that grow, below 0.5 no weights can.

Few pilots tell themselves from the population even where they were drawn by lot: the regression finds what is peculiar to them. The
index is therefore set beside that of pilots drawn at random from the same cities, as many as there are.

Source: Tipton (2014), How Generalizable Is Your Experiment?, JEBS 39 (index and bands); Tipton, Hallberg, Hedges and Chan (2017),
Evaluation Review 41 (what the index is in small random samples); Silverman (1986).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Band = Literal["very high", "high", "medium", "low"]

BANDS: tuple[tuple[float, Band], ...] = ((0.9, "very high"), (0.8, "high"), (0.5, "medium"), (-math.inf, "low"))
FEWEST, OTHERS = 4, 10
"""Pilots and other cities that the index needs."""

POINTS = 2049
"""Points at which densities are compared."""

RIDGE = 1.0
"""Penalty of squared coefficients of standardised columns: few pilots are always told from the rest by some combination of columns."""


@dataclass(frozen=True)
class Generality:
    """How like a population the pilots are.

    Attributes
    ----------
    index:
        Tipton's B, 0 to 1; None where there is none.
    band:
        ``very high``, ``high``, ``medium`` or ``low``; None where there is no index.
    pilots, others:
        How many were compared.
    by_lot, by_lot_low:
        Median and 5 % quantile of the index of as many cities drawn at random; None where they were not drawn.
    of:
        Whom the pilots are compared with.
    why_not:
        Why there is no index.
    """

    index: float | None
    band: Band | None
    pilots: int
    others: int
    by_lot: float | None = None
    by_lot_low: float | None = None
    of: str = "the population"
    why_not: str | None = None

    def in_words(self) -> str:
        """The index with its caution."""
        if self.index is None:
            return f"There is no index of generalisability: {self.why_not}"
        said = f"Tipton's index of how like {self.of} the pilots are is {self.index:.2f} ({self.band})"
        if self.by_lot is None or self.by_lot_low is None:
            return f"{said}."
        lot = (
            f"{self.pilots} cities drawn by lot would have {self.by_lot:.2f} (19 in 20 at least {self.by_lot_low:.2f})"
        )
        return f"{said}; {lot}."


def index(
    pilots: pd.DataFrame, others: pd.DataFrame, *, draws: int = 200, seed: int = 20251122, of: str = "the population"
) -> Generality:
    """Tipton's index of k pilots and other cities of a population, by the same columns; rows that lack a value are left out.

    ``draws``: random samples beside which the index is set, 0 for none.
    """
    first, rest = pilots.dropna(), others.dropna()
    if len(first) < FEWEST or len(rest) < OTHERS:
        return Generality(None, None, len(first), len(rest), of=of, why_not=_too_few(len(first), len(rest), of))
    x = _columns(first, rest)
    if not x.shape[1]:
        return Generality(None, None, len(first), len(rest), of=of, why_not="No context tells cities apart.")
    member = np.arange(len(x)) < len(first)
    found = overlap(*_sides(x, member))
    lots = _by_lot(x, int(member.sum()), draws, seed)
    band = next(name for least, name in BANDS if found >= least)
    low, middle = (float(np.quantile(lots, q)) for q in (0.05, 0.5)) if len(lots) else (None, None)
    return Generality(found, band, len(first), len(rest), middle, low, of)


def _too_few(pilots: int, others: int, of: str) -> str:
    if pilots < FEWEST:
        return f"it needs {FEWEST} pilots whose context is known, and there {'is' if pilots == 1 else 'are'} {pilots}."
    cities = counted(others, "city", "cities")
    return f"it needs {OTHERS} other cities of {of} whose context is known, and there {'is' if others == 1 else 'are'} {cities}."


def _columns(pilots: pd.DataFrame, others: pd.DataFrame) -> Floats:
    """Standardised columns [n, E], groups as 0/1 without the first; rows of each side in an order of their own values."""
    import pandas as pd

    names = sorted(pilots.columns)
    table = pd.concat([_in_order(pilots[names]), _in_order(others[names])], ignore_index=True)
    wide = pd.get_dummies(table, drop_first=True, dtype=float).to_numpy(float)
    spread = wide.std(axis=0)
    kept = spread > 1e-12 * np.abs(wide).max(axis=0, initial=0.0)
    return np.asarray((wide[:, kept] - wide[:, kept].mean(axis=0)) / spread[kept])


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(list(table.columns), kind="stable")


def _sides(x: Floats, member: Bools) -> tuple[Floats, Floats]:
    """Logits of those in and those not."""
    logits = x @ _slopes(x, member)
    return logits[member], logits[~member]


def _slopes(x: Floats, member: Bools) -> Floats:
    """Coefficients [E] of a logit with a small penalty, by Newton's method; the constant is free and left out of the result."""
    n, e = x.shape
    full = np.column_stack([np.ones(n), x])
    penalty = np.append(0.0, np.full(e, RIDGE))
    b = np.zeros(e + 1)
    b[0] = math.log(member.mean() / (1 - member.mean()))
    for _ in range(50):
        p = 1 / (1 + np.exp(-(full @ b)))
        slope = full.T @ (member - p) - penalty * b
        step = np.linalg.solve((full * (p * (1 - p))[:, None]).T @ full + np.diag(penalty), slope)
        b = b + step * min(1.0, 4.0 / float(np.abs(step).max(initial=1e-300)))
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(b[1:])


def overlap(a: Floats, b: Floats) -> float:
    """B of two samples: the overlap of their densities by normal kernels, each with the width that is best for a normal."""
    widths = [_width(v) for v in (a, b)]
    if not min(widths) > 0:
        return float(np.ptp(np.append(a, b)) == 0)  # where one side is a point, densities overlap nowhere
    low = min(float(v.min()) - 6 * h for v, h in zip((a, b), widths, strict=True))
    high = max(float(v.max()) + 6 * h for v, h in zip((a, b), widths, strict=True))
    at = np.linspace(low, high, max(POINTS, 1 + math.ceil(8 * (high - low) / min(widths))))
    densities = [_density(at, v, h) for v, h in zip((a, b), widths, strict=True)]
    return float(min(1.0, np.sqrt(densities[0] * densities[1]).sum() * (at[1] - at[0])))


def _width(values: Floats) -> float:
    return float((4 * values.std(ddof=1) ** 5 / (3 * len(values))) ** 0.2)


def _density(at: Floats, values: Floats, width: float) -> Floats:
    """Density [m], on a fine grid: values go to their two nearest points by nearness, which are then spread by the kernel."""
    from scipy.signal import fftconvolve

    step = at[1] - at[0]
    place = (values - at[0]) / step
    lower = np.floor(place).astype(int)
    mass = np.bincount(lower, 1 - (place - lower), len(at)) + np.bincount(lower + 1, place - lower, len(at))
    reach = np.arange(-math.ceil(6 * width / step), math.ceil(6 * width / step) + 1) * step / width
    kernel = np.exp(-0.5 * reach**2) / (math.sqrt(2 * math.pi) * width)
    return np.asarray(np.maximum(fftconvolve(mass / len(values), kernel, mode="same"), 0.0))


def _by_lot(x: Floats, k: int, draws: int, seed: int) -> Sequence[float]:
    """The index of k cities drawn at random, so often."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        member = np.zeros(len(x), dtype=bool)
        member[rng.choice(len(x), k, replace=False)] = True
        found.append(overlap(*_sides(x, member)))
    return found
