"""Tests that several coefficients are 0 together.

Source: Knapp and Hartung (2003) for F; Tipton and Pustejovsky (2015), Journal of Educational and Behavioral Statistics 40, for
the approximate Hotelling test with robust errors (HTZ).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.synthesis.between.line import Floats
from scale_impact.synthesis.between.robust import Sandwich


@dataclass(frozen=True)
class Test:
    """A statistic that is F with ``df`` and ``error_df``, or chi-squared with ``df`` where ``error_df`` is None."""

    statistic: float
    df: int
    error_df: float | None
    p_value: float


def wald(beta: Floats, covariance: Floats, error_df: float | None) -> Test:
    """F of q coefficients, or chi-squared."""
    from scipy.stats import chi2, f

    q = len(beta)
    squared = float(beta @ np.linalg.solve(covariance, beta))
    if error_df is None:
        return Test(squared, q, None, float(chi2.sf(squared, q)))
    return Test(squared / q, q, error_df, float(f.sf(squared / q, q, error_df)))


def hotelling(contrasts: Floats, beta: Floats, robust: Sandwich) -> Test | None:
    """The approximate Hotelling test of contrasts [q, p] of coefficients [p]; None where too few clusters stand behind it."""
    from scipy.stats import f

    q = len(contrasts)
    expected = np.linalg.cholesky(contrasts @ robust.bread @ contrasts.T)
    g = robust.products(np.linalg.solve(expected, contrasts))
    variance = sum(float((g[s, t] * g[t, s] + g[s, s] * g[t, t]).sum()) for s in range(q) for t in range(q))
    eta = q * (q + 1) / variance
    if eta <= q - 1 + 1e-9:
        return None
    of = contrasts @ beta
    squared = float(of @ np.linalg.solve(contrasts @ robust.covariance @ contrasts.T, of))
    statistic = (eta - q + 1) / (eta * q) * squared
    return Test(statistic, q, eta - q + 1, float(f.sf(statistic, q, eta - q + 1)))
