"""What is taken for pooling: effects on a scale of their own size, so that units (euros, millions, log points) change no digit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted, some
from scale_impact.errors import DataError, DesignError, UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

NOTHING = 1e-10
"""A standard error of less than this share of the largest error or of the spread of effects is none."""


@dataclass(frozen=True)
class Taken:
    """Effects about their plain mean [k] and covariance [k, k], divided by ``scale`` (a power of two: nothing is rounded) and its square.

    ``centre`` is that mean, in the same measure; all that is estimated but a mean is the same without it.
    """

    y: Floats
    covariance: Floats
    scale: float
    centre: float


def take(effects: CityEffects) -> Taken:
    """Effects for pooling.

    Raises
    ------
    UsageError
        Something else than ``CityEffects`` is given, such as a table.
    DesignError
        There is none.
    DataError
        Standard errors of 0: no effect of a city is known exactly, and such a one would have all the weight.
    """
    if not isinstance(effects, CityEffects):  # a caller's table, which has no standard errors that one could know
        raise UsageError(
            f"effects is a {type(effects).__name__}, and what is pooled are CityEffects: numbers with their standard errors. Make them of two "
            "columns with CityEffects.of(effects, std_errors, labels=...) (scale_impact.core.city_effects), or take what studies and papers have "
            "published: gather(project, measure, indicator) (scale_impact.evidence.gathered; docs/evidence.md)."
        )
    if not len(effects):
        raise DesignError(
            "There are no effects to pool. Give at least one, and three or more to learn how cities differ."
        )
    errors = np.sqrt(effects.variances)
    sizes = max(float(errors.max()), float(np.ptp(effects.effects)))
    none = [label for label, e in zip(effects.labels, errors, strict=True) if e <= NOTHING * sizes]
    if none:
        raise DataError(_no_error(none, len(effects)))
    scale = float(2.0 ** np.round(np.log2(sizes)))
    y = effects.effects / scale
    centre = float(y.mean())
    return Taken(y - centre, effects.covariance / scale / scale, scale, centre)


def _no_error(none: list[str], k: int) -> str:
    who = "all effects" if len(none) == k else some(none)
    return (
        f"covariance: the standard error of {who} is 0 (or nothing beside the others), {counted(len(none), 'effect')} of {k}. No effect is "
        "known exactly: such a number would have all the weight. Give its standard error, or leave it out and say so."
    )


def cluster_codes(effects: CityEffects) -> Ints | None:
    """A number for each effect's cluster [k]; None where none are given or none has two effects."""
    if effects.clusters is None:
        return None
    codes = np.unique(np.asarray(effects.clusters), return_inverse=True)[1].astype(np.intp)
    return None if codes.max(initial=-1) + 1 == len(codes) else codes


def notes_on_errors(effects: CityEffects) -> list[str]:
    """What a reader has to know of the errors."""
    if effects.df is None or not (rough := (effects.df < 20)).any():
        return []
    few = some([label for label, r in zip(effects.labels, rough, strict=True) if r], 3)
    return [
        f"The standard errors of {counted(int(rough.sum()), 'effect')} ({few}) rest on fewer than 20 degrees of freedom "
        f"(the least {effects.df.min():.3g}); weights and tau2 take them as known."
    ]
