"""Covariates and unit weights as estimators use them, checked; not an estimator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scale_impact.core.analysis import Analysis
from scale_impact.core.doubly_robust import Bools, Floats, combinations, has_rank
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain
from scale_impact.errors import DataError, DesignError, EstimationError
from scale_impact.estimators._regression import covariate


def columns(panel: Panel, names: Sequence[str]) -> list[Floats]:
    """Covariates by observation (n values each); all problems at once.

    Raises
    ------
    DesignError
        One is not there, not numeric, or missing somewhere; or is named twice.
    """
    found, problems = [], [f"Covariate {n!r} is named twice." for n in dict.fromkeys(names) if list(names).count(n) > 1]
    for name in dict.fromkeys(names):
        try:
            found.append(covariate(panel, name))
        except (DataError, DesignError) as error:
            problems += error.problems
    if problems:
        raise DesignError(problems)
    return found


def by_unit(panel: Panel, values: Floats) -> Floats:
    """A covariate by unit [N], or by unit and period [N, T] where it varies over time."""
    if panel.balanced:
        table = values.reshape(panel.n_units, panel.n_periods)
        return np.ascontiguousarray(table[:, 0]) if (table == table[:, :1]).all() else table
    codes = panel.unit_codes
    lengths = panel.cell_counts()
    first = values[np.cumsum(lengths) - lengths]
    return first if (values == first[codes]).all() else spread(panel, values)


def spread(panel: Panel, values: Floats) -> Floats:
    """Observations as units x periods; 0 where there is none."""
    found = np.zeros((panel.n_units, panel.n_periods))
    found[panel.unit_codes, panel.period_codes] = values
    return found


def scaled(names: Sequence[str], traits: Sequence[Floats], kept: Bools) -> tuple[Floats, Floats]:
    """Means and standard deviations of covariates over the units (observations) that enter.

    ``kept`` is [N] or, for [N, T], which of them are observed.

    Raises
    ------
    EstimationError
        A covariate does not vary, or is a combination of others.
    """
    if not names:
        return np.zeros(0), np.ones(0)
    used = [_used(trait, kept) for trait in traits]
    centre = np.array([v.mean() for v in used])
    size = np.array([v.std() for v in used])
    level = np.array([np.abs(v).max(initial=0.0) for v in used])
    still = size <= 1e-12 * level
    if still.any():
        raise EstimationError(
            [f"Covariate {n!r} is {plain(c)} everywhere: it tells no unit from another. Leave it out."
             for n, c, s in zip(names, centre, still, strict=True) if s]
        )  # fmt: skip
    _refuse_combinations(names, traits, kept, centre, size)
    return centre, size


def _used(trait: Floats, kept: Bools) -> Floats:
    """Values of the units that enter: one a unit, or one an observation where they vary over time."""
    if trait.ndim == kept.ndim:
        return trait[kept]
    return trait[kept.any(axis=1)] if trait.ndim == 1 else trait[np.broadcast_to(kept[:, None], trait.shape)]


def _refuse_combinations(
    names: Sequence[str], traits: Sequence[Floats], kept: Bools, centre: Floats, size: Floats
) -> None:
    """Name the covariates that are combinations of those before them."""
    shape = max((trait.shape for trait in traits), key=len)
    flat = len(shape) == 1
    parts = [t if flat else np.broadcast_to(t[:, None] if t.ndim == 1 else t, shape) for t in traits]
    x = np.array([(_used(part, kept) - c) / s for part, c, s in zip(parts, centre, size, strict=True)])
    x = np.vstack([np.ones(x.shape[1]), x])
    products = x @ x.T
    if has_rank(products):
        return
    dependent = combinations(products)
    extra = [names[j] for j in dependent]
    others = [name for j, name in enumerate(names) if j not in dependent]
    raise EstimationError(
        f"Covariate {', '.join(extra)} is a combination of the other covariates ({', '.join(others)}): their parts cannot be told "
        "apart. Leave it out."
    )


def unit_weights(analysis: Analysis, name: str | None) -> Floats | None:
    """Weights of units (of observations where none is followed), mean 1 over those that enter; None: all 1.

    Raises
    ------
    DesignError
        The column is not numeric, varies within a unit, or is not positive everywhere.
    """
    if name is None:
        return None
    panel = analysis.panel
    values = panel.unit_column(name) if panel.followed else panel.column(name)
    if values.dtype.kind not in "iuf":
        raise DesignError(f"weights: {name!r} holds {values.dtype}, not numbers. Use a column of positive numbers.")
    numbers = values.astype(float)
    wrong = np.flatnonzero(~(np.isfinite(numbers) & (numbers > 0)))
    if len(wrong):
        thing = "unit" if panel.followed else "observation"
        where = f", first {panel.unit_name(int(wrong[0]))}" if panel.followed else ""
        raise DesignError(
            f"weights: {name!r} is not a positive number for {counted(len(wrong), thing)}{where} ({plain(values[wrong[0]])}). Correct it, "
            "or leave these out of the data."
        )
    kept = np.isin(analysis.design.cohort_codes, analysis.positions)
    return np.asarray(numbers / numbers[kept].mean())
