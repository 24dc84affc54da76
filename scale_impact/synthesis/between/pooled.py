"""The value of pooling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted
from scale_impact.synthesis.between.clustered import Clustered
from scale_impact.synthesis.between.line import Floats


@dataclass(frozen=True, repr=False)
class Pooled:
    """The mean effect, differences between cities and the prediction for a new one; None where there is no number, see ``why_not``.

    Attributes
    ----------
    effects:
        What was pooled.
    mean, std_error, df, low, high, p_value:
        The mean effect with its confidence interval, and the test of no mean effect; ``df`` None for the normal distribution.
    tau2, tau2_error, tau2_low, tau2_high:
        Variance of true effects between cities, its standard error and interval (Q profile; with clusters profile likelihood).
    i2, i2_low, i2_high, h2, h2_low, h2_high:
        Share of the variance that is between cities, and variance in all over sampling variance.
    q, q_df, q_p:
        Cochran's test that all true effects are the same.
    predicted_low, predicted_high, prediction_df, prediction_error:
        The prediction interval for a new city; ``prediction_error`` is sqrt(std_error^2 + tau2).
    weights:
        Each city's share in the mean [k], sum 1; negative where related errors make a city correct another one.
    shrunken, shrunken_errors:
        Each city's effect drawn to the mean as far as its error asks for (empirical Bayes), and the error of that [k].
    level, estimator, inference:
        Of the intervals; how tau2 was estimated; how the mean was judged.
    between_clusters, within_clusters:
        The two parts of tau2 where effects come in clusters.
    clustered:
        The multilevel fit, where there was one: predictions for a new city in a known cluster, intervals of both variances.
    shared_df, between_df:
        Degrees of freedom of what errors share (None: no fewer than the effects themselves have; see ``freedom``), and those of tau2 in the
        prediction, as its option has them (None: normal, or no prediction): ``prediction_df`` follows from both.
    why_not:
        The reason of what has no number: ``prediction``, ``tau2``, ``tau2 interval``, ``q``, ``i2``, ``interval``.
    notes:
        What a reader has to know.
    """

    effects: CityEffects
    mean: float
    std_error: float
    df: float | None
    low: float
    high: float
    p_value: float
    tau2: float | None
    tau2_error: float | None
    tau2_low: float | None
    tau2_high: float | None
    i2: float | None
    i2_low: float | None
    i2_high: float | None
    h2: float | None
    h2_low: float | None
    h2_high: float | None
    q: float | None
    q_df: int
    q_p: float | None
    predicted_low: float | None
    predicted_high: float | None
    prediction_df: float | None
    prediction_error: float | None
    weights: Floats
    shrunken: Floats
    shrunken_errors: Floats
    level: float
    estimator: str
    inference: str
    between_clusters: float | None = None
    within_clusters: float | None = None
    clustered: Clustered | None = None
    shared_df: float | None = None
    between_df: float | None = None
    why_not: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.effects)

    def __repr__(self) -> str:
        new = "none" if self.predicted_low is None else f"{self.predicted_low:.4g} to {self.predicted_high:.4g}"
        return (
            f"Pooled({counted(len(self), 'city', 'cities')}: mean {self.mean:.4g} ({self.low:.4g} to {self.high:.4g}), "
            f"new city {new}; {self.estimator}, {self.inference})"
        )
