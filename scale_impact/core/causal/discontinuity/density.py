"""Whether the density of the running variable jumps at the threshold, by local polynomials of its distribution.

The empirical distribution function is fitted on each side; its slope at the threshold is the density. Who can move to the
better side of a threshold leaves a gap on one side and a heap on the other.

Source: Cattaneo, Jansson and Ma (2020); bandwidths: Cattaneo, Jansson and Ma (2018), section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.discontinuity.choices import Floats, Kernel, kernel_weights
from scale_impact.core.causal.discontinuity.local_polynomial import powers
from scale_impact.errors import EstimationError

Pair = tuple[float, float]

NORMAL_95 = 1.959963984540054
"""Half the width of a 95 % interval, in standard errors."""

NEAREST = 20
"""Observations (and distinct values) beyond those that a polynomial needs that each bandwidth reaches on each side."""


def distinct(values: Floats) -> int:
    """Number of different values among sorted ones."""
    return int(np.count_nonzero(np.diff(values))) + 1 if len(values) else 0


@dataclass(frozen=True, eq=False)
class Running:
    """The running variable less the threshold, sorted, with its distribution function.

    Attributes
    ----------
    x:
        [n], sorted; below the threshold negative (or not eligible), from it on positive.
    n_left:
        Observations below.
    """

    x: Floats
    n_left: int

    @classmethod
    def of(cls, x: Floats, eligible: NDArray[np.bool_]) -> Running:
        """From values in any order.

        Raises
        ------
        EstimationError
            Fewer than two different values on one side.
        """
        order = np.lexsort((eligible, x))
        found = cls(x[order], int((~eligible).sum()))
        few = [k for k, values in enumerate((found.left, found.right)) if distinct(values) < 2]
        if few:
            raise EstimationError(
                "The running variable has fewer than two different values on one side of the threshold."
            )
        return found

    @property
    def n(self) -> int:
        """Number of observations."""
        return len(self.x)

    @property
    def left(self) -> Floats:
        """Distances below the threshold, the nearest first."""
        return np.abs(self.x[: self.n_left][::-1])

    @property
    def right(self) -> Floats:
        """Distances above the threshold, the nearest first."""
        return np.abs(self.x[self.n_left :])

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Position of the first observation with the value of each."""
        new = np.flatnonzero(np.r_[True, np.diff(self.x) != 0])
        return np.repeat(new, np.diff(np.append(new, self.n)))

    @cached_property
    def distribution(self) -> Floats:
        """Share of the other observations at or below each."""
        last = np.append(np.flatnonzero(np.diff(self.x) != 0), self.n - 1)
        return np.asarray(np.repeat(last, np.diff(np.append(-1, last))) / (self.n - 1))

    def nearest(self, k: int) -> Pair:
        """Distance of the k-th nearest observation, and distinct value if that is farther, on each side (or of the last)."""
        reach = []
        for side in (self.left, self.right):
            first = np.flatnonzero(np.r_[True, np.diff(side) != 0])
            reach.append(max(float(side[min(k, len(side)) - 1]), float(side[first[min(k, len(first)) - 1]])))
        return reach[0], reach[1]


@dataclass(frozen=True)
class Slopes:
    """Densities at the threshold (or higher derivatives of the distribution), below and above, with their variances."""

    left: float
    right: float
    left_variance: float
    right_variance: float
    covariance: float
    top: Pair

    @property
    def difference_variance(self) -> float:
        """Variance of the difference."""
        return self.left_variance + self.right_variance - 2 * self.covariance

    @property
    def sum_variance(self) -> float:
        """Variance of the sum."""
        return self.left_variance + self.right_variance + 2 * self.covariance


@dataclass(frozen=True)
class DensityTest:
    """The test: densities by the polynomial of the higher degree, at bandwidths that suit the lower one.

    Attributes
    ----------
    slopes:
        Densities on each side and their variances.
    bandwidths, n_within:
        Below and above.
    statistic, p_value:
        Difference (above less below) over its standard error, and the normal distribution's two tails.
    """

    slopes: Slopes
    bandwidths: Pair
    n_within: tuple[int, int]
    statistic: float
    p_value: float


def density_test(
    running: Running, *, kernel: Kernel = "triangular", degree: int = 2, given: Pair | None = None
) -> DensityTest:
    """Test that the density does not jump.

    Parameters
    ----------
    degree:
        Of the polynomial that bandwidths are chosen for; the test's is one more.
    given:
        Bandwidths; None: each the middle one of those that are best for the side, the difference and the sum.

    Raises
    ------
    EstimationError
        Too few different values within a bandwidth.
    """
    from scipy import special

    h = given or _bandwidths(running, kernel, degree)
    slopes = _slopes(running, h, degree + 1, kernel, 1)
    spread = slopes.difference_variance
    if not spread > 0:
        raise EstimationError(
            "The density's difference at the threshold has no standard error: too few observations near it."
        )
    z = (slopes.right - slopes.left) / math.sqrt(spread)
    inside = _inside(running, h)
    n_left = int(inside[: running.n_left].sum())
    return DensityTest(slopes, h, (n_left, int(inside.sum()) - n_left), float(z), float(2 * special.ndtr(-abs(z))))


def _inside(running: Running, h: Pair) -> NDArray[np.bool_]:
    return (running.x >= -h[0]) & (running.x <= h[1])


def _slopes(running: Running, h: Pair, degree: int, kernel: Kernel, order: int) -> Slopes:
    """Fit the distribution on both sides; ``top`` are the coefficients of ``order``.

    Variances: each observation's share in the distribution function of all above it, as in a jackknife.
    """
    inside = _inside(running, h)
    x, below = running.x[inside], np.flatnonzero(inside) < running.n_left
    needed = degree + 1
    if min(distinct(x[below]), distinct(x[~below])) < needed:
        raise EstimationError(
            f"Fewer than {needed} different values of the running variable lie within the bandwidth on one side: its density there cannot be fitted."
        )
    parts = [_one_side(x, side, h[k], degree, kernel) for k, side in enumerate((below, ~below))]
    coefficients = [p.T @ running.distribution[inside] for p in parts]
    first = running.starts[inside] - int(np.argmax(inside))
    after = [_sums_after(p[:, 1], first) / (running.n - 1) for p in parts]
    return Slopes(
        left=float(coefficients[0][1]), right=float(coefficients[1][1]), left_variance=float(after[0] @ after[0]),
        right_variance=float(after[1] @ after[1]), covariance=float(after[0] @ after[1]),
        top=(float(coefficients[0][order]), float(coefficients[1][order])),
    )  # fmt: skip


def _one_side(x: Floats, chosen: NDArray[np.bool_], h: float, degree: int, kernel: Kernel) -> Floats:
    """How each observation counts in each coefficient of one side's polynomial, [n, degree + 1]."""
    basis, weights = powers(x / h, degree), np.where(chosen, kernel_weights(kernel, x, h), 0.0)
    weighted = basis * weights[:, None]
    try:
        inverse = np.linalg.inv(weighted.T @ basis)
    except np.linalg.LinAlgError:
        raise EstimationError(
            "Too few different values of the running variable count on one side to fit its density there."
        ) from None
    return np.asarray(weighted @ inverse / h ** np.arange(degree + 1))


def _sums_after(values: Floats, first: NDArray[np.int64]) -> Floats:
    """Sum of the values behind the first observation with the same value of the running variable."""
    tail = np.append(np.cumsum(values[::-1])[::-1], 0.0)
    return np.asarray(tail[first + 1])


# ---- bandwidths ----------------------------------------------------------------------------------


def _bandwidths(running: Running, kernel: Kernel, degree: int) -> Pair:
    """The middle one of the best bandwidths for one side, for the difference and for the sum."""
    n, far = running.n, float(np.abs(running.x).max())
    wide, narrow = (_pilot(running, degree, step, far) for step in (2, 0))
    curved = _slopes(running, (wide, wide), degree + 2, kernel, degree + 1).top
    at = _slopes(running, (narrow, narrow), degree, kernel, 1)
    constant = _bias_constant(kernel, degree)
    bias = (curved[0] * constant * (-1) ** degree, curved[1] * constant)
    targets = ((at.left_variance, bias[0]), (at.right_variance, bias[1]), (at.difference_variance, bias[1] - bias[0]),
               (at.sum_variance, bias[1] + bias[0]))  # fmt: skip
    left, right, difference, both = (_best(n * narrow * v, b, n, degree) for v, b in targets)
    floor = running.nearest(NEAREST + degree + 1)
    reach = float(running.left[-1]), float(running.right[-1])
    own = max(min(left, reach[0]), floor[0]), max(min(right, reach[1]), floor[1])
    common = [max(min(h, max(reach)), *floor) for h in (difference, both)]
    return float(np.median([own[0], *common])), float(np.median([own[1], *common]))


def _best(variance: float, bias: float, n: int, degree: int) -> float:
    """Bandwidth of the least mean squared error."""
    if not variance > 0:
        return 0.0
    if not bias:
        return math.inf
    return float((variance / (2 * degree * bias**2 * n)) ** (1 / (2 * degree + 1)))


def _pilot(running: Running, degree: int, more: int, far: float) -> float:
    """Bandwidth that would be best if the running variable were normal, for the derivative of order 1 + more."""
    centre, spread = -float(running.x.mean()), float(np.std(running.x, ddof=1))
    z = centre / spread
    flatness = 1 / (_hermite(degree + more, z) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi))
    scale = (2 * degree + 1) / 4 if more else 1 / (2 * degree)
    root = 2 * degree + 5 if more else 2 * degree + 1
    h = spread * (scale * flatness * _NORMAL[more][degree - 1] / running.n) ** (1 / root)
    floor = running.nearest(NEAREST + degree + more + 1)
    return float(max(min(h, far), *floor))


_NORMAL = {
    2: (25884.444444494150957, 3430865.4551236177795, 845007948.04262602329, 330631733667.03808594, 187774809656037.3125,
        145729502641999264, 146013502974449876992),
    0: (4.8000000000000246914, 548.57142857155463389, 100800.00000020420703, 29558225.458100609481, 12896196859.612621307,
        7890871468221.609375, 6467911284037581),
}  # fmt: skip
"""Variance over squared bias of the triangular kernel at a boundary, by degree: for the second derivative above, and the density."""


def _hermite(order: int, x: float) -> float:
    """The probabilists' Hermite polynomial."""
    from numpy.polynomial import hermite_e

    return float(hermite_e.hermeval(x, [0.0] * order + [1.0]))


def _bias_constant(kernel: Kernel, degree: int) -> float:
    """The bias of the slope at a boundary, in units of the next derivative's coefficient."""
    moments = [_moment(kernel, k) for k in range(2 * degree + 2)]
    gram = np.array([[moments[i + j] for j in range(degree + 1)] for i in range(degree + 1)])
    return float(np.linalg.solve(gram, np.array(moments[degree + 1 : 2 * degree + 2]))[1])


def _moment(kernel: Kernel, k: int) -> float:
    """Integral of u^k times the kernel over [0, 1]."""
    if kernel == "uniform":
        return 0.5 / (k + 1)
    return 1 / ((k + 1) * (k + 2)) if kernel == "triangular" else 0.75 * (1 / (k + 1) - 1 / (k + 3))


# ---- gaps ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gap:
    """The wider empty stretch next to the threshold, judged by the density: how many observations it should hold."""

    width: float
    side: int
    expected: float
    p_value: float


def gap(running: Running, slopes: Slopes) -> Gap | None:
    """Whether the stretch between the threshold and the nearest observation of a side is too wide for chance.

    A polynomial of the distribution runs through an empty stretch as a straight line and sees no jump of the density. With a density f
    there, n f times its width follows the exponential distribution; the p-value is for the two sides together. Where values repeat, the
    usual space between them is no gap. None without a positive density.
    """
    known = [f for f in (slopes.left, slopes.right) if f > 0]
    if not known:
        return None
    widths = [max(float(side[0]) - _spacing(side), 0.0) for side in (running.left, running.right)]
    side = int(widths[1] > widths[0])
    expected = running.n * min(known) * widths[side]
    return Gap(widths[side], side, float(expected), float(min(1.0, 2 * math.exp(-expected))))


def _spacing(side: Floats) -> float:
    """The usual space between different values of the nearer half, where values repeat; 0 where they do not."""
    steps = np.diff(side[: max(len(side) // 2, 2)])
    return 0.0 if (steps > 0).all() else float(np.quantile(steps[steps > 0], 0.9)) if (steps > 0).any() else 0.0


# ---- counts near the threshold -------------------------------------------------------------------


def binomial_windows(running: Running, h: Pair, windows: int = 10, smallest: int = 20) -> list[dict[str, Any]]:
    """Counts on both sides in growing windows, with the p-value of equal chances.

    The first holds ``smallest`` observations on each side, the last reaches the bandwidths (or is ``windows`` times the first).

    Source: Cattaneo, Frandsen and Titiunik (2015); Cattaneo, Jansson and Ma (2018).
    """
    from scipy import stats

    left, right = running.left, running.right
    first = max(float(left[min(smallest, len(left)) - 1]), float(right[min(smallest, len(right)) - 1]))
    n = 1 if first >= min(h) else windows
    wide = [_growing(first, end, n) for end in h]
    rows = []
    for a, b in zip(*wide, strict=True):
        counts = int(np.searchsorted(left, a, side="right")), int(np.searchsorted(right, b, side="right"))
        p = float(stats.binomtest(counts[0], sum(counts)).pvalue)
        rows.append({"without_width": a, "with_width": b, "without": counts[0], "with": counts[1], "p_value": p})
    return rows


def _growing(first: float, end: float, n: int) -> list[float]:
    if n > 1 and first * n > end:
        return [first + k * (end - first) / (n - 1) for k in range(n)]
    return [first * (k + 1) for k in range(n)]


# ---- the curve -----------------------------------------------------------------------------------


def density_curve(
    running: Running, test: DensityTest, *, kernel: Kernel = "triangular", degree: int = 2, points: int = 25
) -> list[dict[str, Any]]:
    """The density on a grid within the bandwidths: fits by ``degree`` and intervals by one degree more, each side by itself.

    Source: Cattaneo, Jansson and Ma (2020).
    """
    rows = []
    for k, name in ((0, "without"), (1, "with")):
        h = test.bandwidths[k]
        values = running.x[: running.n_left] if k == 0 else running.x[running.n_left :]
        grid = np.linspace(-h, 0, points) if k == 0 else np.linspace(0, h, points)
        fit = _curve_of(running, values, k, h, kernel, degree)
        rows += [{"side": name, "x": float(at), **row} for at in grid if (row := fit(float(at))) is not None]
    return rows


def _curve_of(
    running: Running, values: Floats, which: int, h: float, kernel: Kernel, degree: int
) -> Callable[[float], dict[str, float] | None]:
    distribution = running.distribution[: running.n_left] if which == 0 else running.distribution[running.n_left :]

    def at(point: float) -> dict[str, float] | None:
        low, high = np.searchsorted(values, [point - h, point + h])
        near, shares = values[low:high] - point, distribution[low:high]
        if distinct(near) < degree + 3:
            return None
        first = np.searchsorted(near, near, side="left")
        lines = [_one_side(near, np.full(len(near), True), h, d, kernel)[:, 1] for d in (degree, degree + 1)]
        after = _sums_after(lines[1], first) / (running.n - 1)
        error, centre = math.sqrt(float(after @ after)), float(lines[1] @ shares)
        return {
            "density": float(lines[0] @ shares),
            "low": centre - NORMAL_95 * error,
            "high": centre + NORMAL_95 * error,
        }

    return at
