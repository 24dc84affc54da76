"""The value of pooling effects that come in clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted, nearest
from scale_impact.errors import DesignError, UsageError
from scale_impact.synthesis.between.fitting import quantile
from scale_impact.synthesis.between.line import Floats
from scale_impact.synthesis.between.spread import Spread

Judged = Literal["CR2", "model"]


@dataclass(frozen=True)
class NewCity:
    """What one more city may expect: mean, its standard error of prediction, degrees of freedom (None: normal), interval."""

    mean: float
    error: float
    df: float | None
    low: float
    high: float


@dataclass(frozen=True, repr=False)
class Clustered:
    """k effects of G clusters.

    Attributes
    ----------
    effects, clusters:
        What was pooled; names of the clusters [G].
    mean, std_error, df, low, high, p_value:
        The mean effect and its interval, by CR2 or by the model (see ``judged``).
    model_error, robust_error, robust_df:
        Both standard errors of the mean; the robust one None where all effects hang together.
    between, between_low, between_high, within, within_low, within_high:
        Variance between clusters, and of effects within one, with profile-likelihood intervals; ``between`` 0 in the robust model.
    tau2, tau2_low, tau2_high:
        Their sum: the variance of true effects.
    log_likelihood:
        Restricted (REML) or not (ML), with all constants; None in the robust model.
    weights, shrunken, shrunken_errors:
        As in ``Pooled`` [k].
    cluster_effects, cluster_errors:
        How far each cluster is from the mean, and the error of that [G].
    in_cluster_errors:
        Of the mean of each cluster [G].
    spread, unit:
        Q, and the typical variance in units of ``unit`` squared.
    shared_df, prediction_df:
        Degrees of freedom of what errors share, infinite where they do not limit the mean's; of ``new_city`` (None: normal).
    level, judged, multilevel:
        Of the intervals; how the mean was judged; which model.
    why_not, notes:
        As in ``Pooled``.
    """

    effects: CityEffects
    clusters: tuple[str, ...]
    mean: float
    std_error: float
    df: float | None
    low: float
    high: float
    p_value: float
    model_error: float
    robust_error: float | None
    robust_df: float | None
    between: float
    between_low: float | None
    between_high: float | None
    within: float
    within_low: float | None
    within_high: float | None
    tau2: float
    tau2_error: float | None
    tau2_low: float | None
    tau2_high: float | None
    log_likelihood: float | None
    weights: Floats
    shrunken: Floats
    shrunken_errors: Floats
    cluster_effects: Floats
    cluster_errors: Floats
    in_cluster_errors: Floats
    spread: Spread
    level: float
    judged: Judged
    multilevel: bool
    unit: float
    shared_df: float = float("inf")
    prediction_df: float | None = None
    why_not: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Clustered({counted(len(self.effects), 'effect')} of {counted(len(self.clusters), 'cluster')}: mean {self.mean:.4g} "
            f"({self.low:.4g} to {self.high:.4g}); between {self.between:.4g}, within {self.within:.4g})"
        )

    def new_city(self, cluster: str | None = None) -> NewCity:
        """What a new city may expect: in a cluster not yet seen, or in one of those that were.

        Raises
        ------
        UsageError
            A cluster that is not known.
        DesignError
            There is no prediction: differences are 0 by assumption, or two clusters leave no degree of freedom.
        """
        if "prediction" in self.why_not:
            raise DesignError(f"There is no prediction for a new city: {self.why_not['prediction']}.")
        if cluster is None:
            return self._new(self.mean, float(np.hypot(self.std_error, np.sqrt(self.tau2))))
        if cluster not in self.clusters:
            raise UsageError(f"There is no cluster {cluster!r}. {nearest(cluster, self.clusters)}")
        g = self.clusters.index(cluster)
        error = float(np.hypot(self.in_cluster_errors[g], np.sqrt(self.within)))
        return self._new(self.mean + float(self.cluster_effects[g]), error)

    def _new(self, mean: float, error: float) -> NewCity:
        df = self.prediction_df
        half = quantile(self.level, df) * error
        return NewCity(mean, error, df, mean - half, mean + half)
