"""Covariates of the synthetic control family: in each cell of treated units and donors, and taken out of outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scale_impact.core.synthetic.pilots import Pilots, refuse_missing, wide_columns
from scale_impact.core.synthetic.worlds import Floats
from scale_impact.core.words import some
from scale_impact.errors import EstimationError


def complete_columns(found: Pilots, names: Sequence[str], method: str) -> Floats:
    """Covariates of the pilots' units in each period, [K, N, T].

    Raises
    ------
    DesignError
        One is no column, no number, or missing in a cell.
    """
    columns = wide_columns(found, names, method)
    refuse_missing(found, names, columns, method)
    return columns


def less_covariates(found: Pilots, names: Sequence[str], method: str) -> Floats:
    """Outcomes [N, T] less covariates times their slopes among the donors (least squares with unit and period effects).

    The measure cannot have moved what these slopes are learnt from; they stay the same in all other worlds.

    Raises
    ------
    DesignError
        A covariate is no number, or missing in some period.
    EstimationError
        Slopes cannot be told apart.

    Source: Kranz (2022), as ``projected`` of Clarke, Pailanir, Athey and Imbens (2024), section 2.4.
    """
    x = complete_columns(found, names, method)
    donors = _within(x[:, found.n_treated :]).reshape(len(names), -1)
    size = np.maximum(np.linalg.norm(x[:, found.n_treated :].reshape(len(names), -1), axis=1), 1e-300)
    if np.linalg.matrix_rank(donors / size[:, None], tol=1e-10) < len(names):
        raise EstimationError(
            f"covariates {some(list(names))} cannot be told apart from each other or from effects of unit and period (one does not "
            "vary within units, or follows from others). Leave it out: levels of units are taken away anyway."
        )
    slopes = np.linalg.lstsq(donors.T, _within(found.outcomes[found.n_treated :]).ravel(), rcond=None)[0]
    return np.asarray(found.outcomes - np.tensordot(slopes, x, 1))


def _within(values: Floats) -> Floats:
    """Values [..., N, T] less means of units and of periods."""
    of_units, of_periods = values.mean(axis=-1, keepdims=True), values.mean(axis=-2, keepdims=True)
    return np.asarray(values - of_units - of_periods + values.mean(axis=(-1, -2), keepdims=True))
