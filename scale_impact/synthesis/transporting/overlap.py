"""How alike a study and a target are, before and after weighting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.synthesis.nearing.generality import overlap as shared_density
from scale_impact.synthesis.transporting.weights import Weights

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

NEAR, FAR = 0.1, 0.25
"""Differences of means, in standard deviations of the study, below which two groups are alike, and above which they are not."""

THIN = 0.1
"""A study whose weights leave less than this share of its rows in effect rests on few."""


@dataclass(frozen=True)
class Overlap:
    """How alike a study and a target are.

    Attributes
    ----------
    table:
        One row a column: ``column``, ``study``, ``weighted`` and ``target`` means, ``before`` and ``after`` (differences of means in
        standard deviations of the study), ``low`` and ``high`` (range of the study), ``outside`` (share of the target's rows beyond it;
        missing where only means are known).
    effective, rows:
        Rows of the study that count in effect, and how many there are.
    largest:
        The largest weight, as a share of all.
    index:
        Tipton's index, the overlap of the distributions of the logit of being in the target; None where only means are known.
    """

    table: pd.DataFrame
    effective: float
    rows: int
    largest: float
    index: float | None

    @property
    def worst(self) -> float:
        """The largest difference that is left, in standard deviations."""
        return float(self.table["after"].abs().max()) if len(self.table) else 0.0


def overlap_of(study: Floats, target: Floats, names: tuple[str, ...], weights: Weights) -> Overlap:
    """Means, ranges and density of contexts [n, K] of a study and [N, K] of its target; a target of one row is its means."""
    import pandas as pd

    spread = (
        np.where(study.std(axis=0, ddof=1) > 0, study.std(axis=0, ddof=1), 1.0)
        if len(study) > 1
        else np.ones(study.shape[1])
    )
    mean, weighted, aim = study.mean(axis=0), weights.of_rows @ study, target.mean(axis=0)
    low, high = study.min(axis=0), study.max(axis=0)
    outside = ((target < low) | (target > high)).mean(axis=0) if len(target) > 1 else np.full(len(names), np.nan)
    table = pd.DataFrame(
        {
            "column": list(names), "study": mean, "weighted": weighted, "target": aim, "before": (mean - aim) / spread,
            "after": (weighted - aim) / spread, "low": low, "high": high, "outside": outside,
        }
    )  # fmt: skip
    index = None
    if weights.logits is not None and len(study) > 1 and len(target) > 1:
        index = shared_density(weights.logits[: len(study)], weights.logits[len(study) :])
    return Overlap(table, weights.effective, len(study), float(weights.of_rows.max()), index)
