"""Covariates of the synthetic control family: read for treated units and donors, and taken out of outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scale_impact.core.synthetic.pilots import Pilots
from scale_impact.core.synthetic.worlds import Floats
from scale_impact.core.words import plain, some
from scale_impact.errors import DataError, EstimationError


def covariate_columns(found: Pilots, names: Sequence[str]) -> Floats:
    """Covariates of the pilots' units, [K, N, T]; NaN where there is none.

    Raises
    ------
    DataError
        A column is missing, or no number.
    """
    filled = np.full((len(names), found.panel.n_units, found.panel.n_periods), np.nan)
    for k, name in enumerate(names):
        try:
            values = found.panel.column(name).astype(float)
        except (TypeError, ValueError):
            raise DataError(f"Covariate {name!r} is not a number in each row. Use a column of numbers.") from None
        filled[k, found.panel.unit_codes, found.panel.period_codes] = values
    return np.asarray(filled[:, found.units])


def less_covariates(found: Pilots, names: Sequence[str]) -> Floats:
    """Outcomes [N, T] less covariates times their slopes among the donors (least squares with unit and period effects).

    The measure cannot have moved what these slopes are learnt from; they stay the same in all other worlds.

    Raises
    ------
    DataError
        A covariate is missing in some period.
    EstimationError
        Slopes cannot be told apart.

    Source: Kranz (2022), as ``projected`` of Clarke, Pailanir, Athey and Imbens (2024), section 2.4.
    """
    x = covariate_columns(found, names)
    _refuse_missing(found, names, x)
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


def _refuse_missing(found: Pilots, names: Sequence[str], x: Floats) -> None:
    problems = []
    for name, values in zip(names, x, strict=True):
        units, periods = np.nonzero(np.isnan(values))
        if len(units):
            said = [f"{found.names[u]} in {plain(found.panel.periods[t])}" for u, t in zip(units, periods, strict=True)]
            problems.append(
                f"Covariate {name!r} is missing for {some(said, 3)}. Fill it, or leave these units out (`without`)."
            )
    if problems:
        raise DataError(problems)
