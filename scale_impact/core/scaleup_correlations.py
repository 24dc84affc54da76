"""Correlations of inputs: as a matrix of normal scores, and what is wrong where no such numbers can exist.

Ranks that correlate by rho (Spearman) come from normal scores that correlate by 2 sin(pi rho / 6).

Source: Pearson (1907); Iman and Conover (1982), A distribution-free approach to inducing rank correlation among input variables,
Communications in Statistics 11.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pairs = Mapping[tuple[str, str], float]

ROUNDING = 1e-9
"""An eigenvalue of so little below 0 is one of 0."""


def matrix(pairs: Pairs) -> tuple[tuple[str, ...], Floats]:
    """The names in the order of the alphabet, and the correlations of their normal scores; pairs not named have 0."""
    names = tuple(sorted({name for pair in pairs for name in pair}))
    found = np.eye(len(names))
    for (a, b), rho in pairs.items():
        i, j = names.index(a), names.index(b)
        found[i, j] = found[j, i] = 2 * np.sin(np.pi * rho / 6)
    return names, found


def root(correlations: Floats) -> Floats:
    """The symmetric square root of a correlation matrix; eigenvalues that rounding left below 0 count 0."""
    values, vectors = np.linalg.eigh(correlations)
    found: Floats = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return found


def impossible(pairs: Pairs) -> str | None:
    """Why no numbers can have these correlations, with the pair that is easiest put right; None where some can."""
    names, found = matrix(pairs)
    if _least(found) >= -ROUNDING:
        return None
    fixes = [(abs(rho - end), a, b, low, high, rho) for (a, b), rho in sorted(pairs.items())
             for low, high in [_allowed(found, names.index(a), names.index(b))] if not np.isnan(low)
             for end in [low if rho < low else high]]  # fmt: skip
    start = "no inputs can move together like this (the matrix of the correlations is not positive semidefinite)"
    if not fixes:
        return f"{start}, and no single pair puts it right. Lower several of them, or give pairs that you left out (they count 0)."
    _, a, b, low, high, rho = min(fixes)
    return f"{start}: beside the others, {a} with {b} has to lie between {low:.2f} and {high:.2f} (it is {rho:g}). Pairs that are not named count 0."


def _least(found: Floats) -> float:
    return float(np.linalg.eigvalsh(found)[0])


def _allowed(found: Floats, i: int, j: int) -> tuple[float, float]:
    """Rank correlations of one pair that the others allow, NaN where none does; rounded to the inside.

    The least eigenvalue is a concave function of one entry, so that what it allows is an interval.
    """

    def least(rho: float) -> float:
        tried = found.copy()
        tried[i, j] = tried[j, i] = 2 * np.sin(np.pi * rho / 6)
        return _least(tried)

    grid = np.linspace(-1, 1, 201)
    allowed = grid[[least(rho) >= -ROUNDING for rho in grid]]
    return (float(allowed[0]), float(allowed[-1])) if len(allowed) else (np.nan, np.nan)
