"""How much of a city's distance from what is expected is more than chance: empirical Bayes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Floats

STEPS, ZOOMS = 16, 3
"""Points of the grid along each variance, and how often it is drawn together."""


@dataclass(frozen=True, eq=False)
class Shrinkage:
    """What is left of N residuals.

    Attributes
    ----------
    kept:
        Share of the residual that is kept [N].
    posterior_sd:
        Standard deviation of what is left [N].
    chance:
        Standard deviation of chance [N].
    spread:
        Standard deviation of true differences between cities of one context.
    total:
        Variance of true differences and chance together [N].
    """

    kept: Floats
    posterior_sd: Floats
    chance: Floats
    spread: float
    total: Floats


def shrink(
    residual: Floats, leverage: Floats, df: float, sampling: Floats | None, size: Floats | None
) -> Shrinkage | None:
    """Shrinkage of residuals of models that have not seen the city; None where nothing says what chance is.

    A residual is a true difference (variance A, the same for all), chance (sampling variance plus tau / size) and the error of the
    expected value (leverage times both). Without size A is Morris's estimate; with it, what is kept is the mean over the posterior
    of A and tau, as few cities tell them apart badly.

    Parameters
    ----------
    residual:
        Outcome less expected [N].
    leverage, df:
        See ``Expected``.
    sampling:
        Sampling variance [N]; None where it is not known.
    size:
        Size of the city, above 0 [N]; None where chance is not to depend on it.
    """
    if sampling is None and size is None:
        return None
    known = np.zeros(len(residual)) if sampling is None else sampling
    if size is None:
        return _morris(residual, leverage, df, known)
    return _averaged(residual, leverage, known, np.median(size) / size)


def _morris(residual: Floats, leverage: Floats, df: float, chance: Floats) -> Shrinkage:
    """Chance is known; the variance of true differences solves sum w (r^2 / (1 + leverage) - variance) = 0, w = 1 / variance.

    For least squares this is Morris's equation exactly, as a residual of a model that has not seen the city is the usual one
    times 1 + leverage.

    Source: Morris (1983), section 5 (unequal variances).
    """
    spread = _between(residual**2 / (1 + leverage), chance)
    total, free = chance + spread, len(residual) - df
    weight = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    # what is left of the share of chance when A is estimated
    given = max(free - 2, 0.0) / max(free, 1.0) * chance * weight
    up = given / (1 + leverage)
    mean_chance = (weight * chance).sum() / max(weight.sum(), np.finfo(float).tiny)
    doubt = 2 / max(free - 2, 1.0) * given**2 * (mean_chance + spread) * weight
    variance = chance * (1 - up) + doubt * (residual / (1 + leverage)) ** 2
    return Shrinkage(1 - up, np.sqrt(variance), np.sqrt(chance), float(np.sqrt(spread)), total)


def _between(squares: Floats, chance: Floats) -> float:
    """The variance of true differences, 0 or above."""
    from scipy.optimize import brentq

    unit = max(float(squares.mean()), np.finfo(float).tiny)
    y, known = squares / unit, chance / unit

    def surplus(spread: float) -> float:
        return float(((y - known - spread) / (known + spread)).sum())

    if not known.any():
        return unit
    least = 1e-12
    return float(brentq(surplus, least, y.max() + 1, xtol=1e-14)) * unit if surplus(least) > 0 else 0.0


def _averaged(residual: Floats, leverage: Floats, known: Floats, per: Floats) -> Shrinkage:
    """Mean over the posterior of both variances, flat in their roots, with normal errors.

    Source: Gelman (2006), section 2.2, on priors of few variances; the integral is a sum over a grid.
    """
    squares = residual**2 / (1 + leverage)
    grid, weight = _posterior(squares, known, per)
    kept, second, inside, chance, total = (np.zeros(len(residual)) for _ in range(5))
    for (between, tau), w in zip(grid, weight, strict=True):
        by_chance = known + tau**2 * per
        all_of_it = by_chance + between**2
        up = by_chance / all_of_it / (1 + leverage)
        kept += w * (1 - up)
        second += w * (1 - up) ** 2
        inside += w * by_chance * (1 - up)
        chance += w * by_chance
        total += w * all_of_it
    variance = inside + np.maximum(second - kept**2, 0) * residual**2
    spread = float(np.sqrt((weight * grid[:, 0] ** 2).sum()))
    return Shrinkage(kept, np.sqrt(variance), np.sqrt(chance), spread, total)


def _posterior(squares: Floats, known: Floats, per: Floats) -> tuple[Floats, Floats]:
    """Standard deviations of true differences and of chance at the median size [G, 2], and the weight of each pair [G].

    The grid is drawn together around what is likely until its steps are small against that.
    """
    unit = np.sqrt(squares.mean())
    low, high = np.zeros(2), np.full(2, 3 * unit)
    for _ in range(ZOOMS):
        axes = [a + (b - a) * (np.arange(STEPS) + 0.5) / STEPS for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        height = np.array([_likelihood(squares, known + a**2 + t**2 * per) for a, t in grid])
        likely = grid[height > height.max() - 12]
        half = (high - low) / STEPS
        low, high = np.maximum(likely.min(axis=0) - half, 0), likely.max(axis=0) + half
    weight = np.exp(height - height.max())
    return grid, weight / weight.sum()


def _likelihood(squares: Floats, variance: Floats) -> float:
    return float(-0.5 * (np.log(variance) + squares / variance).sum())
