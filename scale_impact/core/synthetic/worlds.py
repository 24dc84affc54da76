"""Worlds: the question "what would have been?" asked many times at once of the same outcomes.

A placebo city, an earlier date, one donor fewer, another null value: each is a row. An estimator of the
synthetic control family answers all rows together, so that no check and no inference knows which estimator it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Worlds:
    """B questions about N units over T periods.

    Attributes
    ----------
    outcomes:
        [N, T], in order of time.
    treated:
        [B, N], weights of the units whose mean path is explained; each row sums to one.
    donors:
        [B, N], who may be a donor.
    fit:
        [B, T], periods that the counterfactual is fitted on: those before treatment, less anticipated ones.
    after:
        [B, T], periods whose gaps count as the effect.
    shift:
        [B, T], taken away from the treated path (a null value in the treated periods); None: nothing.
    units:
        [N], positions of these units among all that the estimator's own data have (its predictors).
    """

    outcomes: Floats
    treated: Floats
    donors: Bools
    fit: Bools
    after: Bools
    shift: Floats | None
    units: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.treated)

    @cached_property
    def targets(self) -> Floats:
        """[B, T], the paths to be explained; NaN where a unit that counts in them was not observed."""
        absent = np.isnan(self.outcomes)
        paths = self.treated @ np.where(absent, 0.0, self.outcomes)
        if absent.any():
            paths = np.where((self.treated > 0).astype(float) @ absent > 0, np.nan, paths)
        return paths if self.shift is None else paths - self.shift

    def take(self, rows: Any) -> Worlds:
        """Some of the questions."""
        chosen = np.atleast_1d(np.asarray(rows))
        return replace(
            self, treated=self.treated[chosen], donors=self.donors[chosen], fit=self.fit[chosen], after=self.after[chosen],
            shift=None if self.shift is None else self.shift[chosen],
        )  # fmt: skip

    def until(self, periods: int) -> Worlds:
        """The same questions about the first periods alone."""
        return replace(
            self, outcomes=self.outcomes[:, :periods], fit=self.fit[:, :periods], after=self.after[:, :periods],
            shift=None if self.shift is None else self.shift[:, :periods],
        )  # fmt: skip


Again = Callable[[Worlds], Floats]
"""Gaps [B, T]: observed (less shift) minus counterfactual, in all periods of each world; NaN where it has none."""
