"""Clustered effects: several of one study, data set or country are alike, and count as less than so many.

The multilevel model has a variance between clusters and one within; the mean's standard error holds whatever effects of a cluster
share (CR2) where enough clusters stand behind it. A new city is predicted in a new cluster, or in one that is known.

Source: Konstantopoulos (2011), Research Synthesis Methods 2; Pustejovsky and Tipton (2018, 2022).
"""

from __future__ import annotations

from typing import Literal

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.keys import Share, checked
from scale_impact.errors import DesignError
from scale_impact.synthesis.between.clustered import Clustered, NewCity
from scale_impact.synthesis.between.clustering import cluster
from scale_impact.synthesis.between.fitting import Inference
from scale_impact.synthesis.between.taking import cluster_codes, take

__all__ = ["Clustered", "NewCity", "pool_clustered"]


@checked
def pool_clustered(
    effects: CityEffects,
    *,
    method: Literal["reml", "ml"] = "reml",
    model: Literal["multilevel", "robust"] = "multilevel",
    inference: Literal["robust", "normal"] = "robust",
    level: Share = 0.95,
) -> Clustered:
    """The mean of effects that come in clusters, both variances, and predictions.

    Parameters
    ----------
    effects:
        k effects with ``clusters``, of which at least one has two effects, and at least two there are.
    method:
        How the variances are estimated.
    model:
        ``multilevel``: between and within clusters; ``robust``: one variance between effects, errors robust to the rest.
    inference:
        ``robust``: CR2 with Satterthwaite's degrees of freedom, the model's error and G - 1 where these are fewer than 4;
        ``normal``: z, as metafor's ``rma.mv`` by default.

    Raises
    ------
    DesignError
        No clusters, one cluster alone, or no cluster with two effects.
    DataError
        Standard errors of 0, named.
    """
    taken = take(effects)
    codes = cluster_codes(effects)
    if codes is None:
        raise DesignError(
            "No cluster has two effects, so that nothing can be said of what they share. Use pool, or give clusters."
        )
    if codes.max() == 0:
        raise DesignError(
            "All effects are of one cluster: how clusters differ cannot be seen. Use pool, or add effects of others."
        )
    judged: Inference = "normal" if inference == "normal" else "hartung_knapp"
    return cluster(effects, taken, codes, method, judged, multilevel=model == "multilevel", level=level)
