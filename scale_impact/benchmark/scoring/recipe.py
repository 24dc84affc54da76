"""Recipe: every choice that stands between values and an index, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Normaliser = Literal[
    "goalposts", "scaled", "minmax", "zscore", "rank", "borda", "percentile", "distance_to_best", "distance_to_target",
    "fraction_of_best",
]  # fmt: skip
"""Ways to a common scale; see ``normalising``."""

FIXED: tuple[Normaliser, ...] = ("goalposts", "scaled")
"""Scales that do not depend on which cities are compared."""

Outliers = Literal["none", "winsorise", "treat", "percentiles", "log", "shifted_log"]
"""What is done about values far from the others; see ``outliers``."""

Missing = Literal["impute", "group mean", "mean", "median", "available", "refuse"]
"""What stands where a value is not known; see ``imputation``."""

Mean = Literal["arithmetic", "geometric", "harmonic", "copeland"]
"""How many scores become one; see ``means``."""

Weights = Literal["original", "equal", "pca", "entropy"]
"""Weights of indicators within their dimension that are not written down one by one; see ``weighting``."""

DimensionWeights = Literal["equal", "pca", "entropy", "doubt"]
"""The same of dimensions; ``doubt`` is benefit of the doubt, by which each city has its own."""


@dataclass(frozen=True)
class Recipe:
    """All options of ``score``, as they were used; its docstring says what each means."""

    normaliser: Normaliser = "goalposts"
    scale: tuple[float, float] | None = None
    beyond: Literal["refuse", "clip"] = "refuse"
    outliers: Outliers = "none"
    winsorise_most: int = 5
    skewness: float = 2.0
    kurtosis: float = 3.5
    percentiles: tuple[float, float] = (2.5, 97.5)
    missing: Missing = "impute"
    groups: str | None = None
    imputations: int | None = None
    coverage: float = 0.65
    coverage_in_dimension: float = 0.5
    weights: Weights | Mapping[str, float] = "original"
    dimension_weights: DimensionWeights | Mapping[str, float] = "equal"
    experts: Mapping[str, Mapping[str, float]] | None = None
    least_weight: float = 0.0
    most_weight: float = 1.0
    rescale: bool = False
    hierarchy: Mapping[str, str] | None = None
    aggregation: Mean = "arithmetic"
    across: Mean | None = None
    draws: int = 500
    seed: int = 20251122

    @property
    def upper(self) -> Mean:
        """How dimensions become the index: as indicators become dimensions, where nothing else is said."""
        return self.aggregation if self.across is None else self.across
