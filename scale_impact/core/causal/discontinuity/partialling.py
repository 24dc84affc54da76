"""Covariates taken out of a jump, and the ratio of two jumps.

Source: Calonico, Cattaneo, Farrell and Titiunik (2019); fuzzy designs: Calonico, Cattaneo and Titiunik (2014), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.core.causal.discontinuity.choices import Floats
from scale_impact.core.causal.discontinuity.local_polynomial import LocalFit


def contrasts(fits: Sequence[LocalFit], fuzzy: bool) -> tuple[Floats, Floats | None]:
    """How columns add up to the outcome and, where fuzzy, the exposure, less their covariates (m values each).

    Slopes on the covariates are common to all fits: least squares on what the polynomials leave.
    """
    m, leading = fits[0].side.columns.shape[1], 2 if fuzzy else 1
    parts = np.eye(m)[:leading]
    if m > leading:
        parts[:, leading:] = -_slopes(fits, leading).T
    return parts[0], parts[1] if fuzzy else None


def _slopes(fits: Sequence[LocalFit], leading: int) -> Floats:
    """Slopes of the leading columns on the covariates, [K, leading]; the least where covariates are collinear."""
    moments = sum(_left_over(fit) for fit in fits)
    moments = np.asarray(moments)
    return np.asarray(np.linalg.pinv(moments[leading:, leading:]) @ moments[leading:, :leading])


def _left_over(fit: LocalFit) -> Floats:
    """Weighted cross-products of the columns that the polynomial leaves, [m, m]."""
    columns = fit.side.columns
    on_basis = fit.weighted.T @ columns
    return np.asarray((columns * fit.weights[:, None]).T @ columns - on_basis.T @ fit.inverse @ on_basis)


@dataclass(frozen=True, eq=False)
class Ratio:
    """A ratio of two sums of columns, and its derivative with respect to the columns' values."""

    value: float
    gradient: Floats


def ratio(values: Floats, of_outcome: Floats, of_exposure: Floats) -> Ratio:
    """The ratio at the columns' values (m): how much of the outcome goes with one unit of the exposure."""
    above, below = float(of_outcome @ values), float(of_exposure @ values)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Ratio(above / below if below else np.nan, np.divide(of_outcome - above / below * of_exposure, below))
