"""Retrials: the same data with something changed, many times over, so that an estimate can be asked again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Retrials:
    """B versions of n rows. What is None stays as it is in the data.

    Attributes
    ----------
    counts:
        [B, n], how often each row counts: 0 leaves it out (a subset), 2 takes it twice (a bootstrap).
    exposure:
        [B, n], in place of the exposure (a placebo treatment).
    outcome:
        [B, n], in place of the outcome.
    extra:
        [B, n], one more covariate (a random or an unobserved common cause).
    covariates:
        [B, n, K], in place of the covariates (measured with error); only for those who take them
        (``Adjusted.takes_covariates``).
    """

    counts: Floats | None = None
    exposure: Floats | None = None
    outcome: Floats | None = None
    extra: Floats | None = None
    covariates: Floats | None = None

    def __post_init__(self) -> None:
        shapes = {getattr(self, f.name).shape[:2] for f in fields(self) if getattr(self, f.name) is not None}
        if len(shapes) != 1:
            raise ValueError(f"retrials need arrays of one shape [B, n]; given {sorted(shapes)}.")

    def __len__(self) -> int:
        return len(next(v for f in fields(self) if (v := getattr(self, f.name)) is not None))

    def take(self, versions: slice | NDArray[np.int64]) -> Retrials:
        """Some of the versions."""
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        return Retrials(**{name: None if v is None else v[versions] for name, v in kept.items()})


Again = Callable[[Retrials], Floats]
"""The same estimate of each version, [B]; NaN where it does not exist."""
