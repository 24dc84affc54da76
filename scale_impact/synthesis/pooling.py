"""Pooling: the mean effect of a measure over cities, how much cities differ, and what a new city may expect.

A random-effects model: city i has a true effect of its own, drawn around the mean with variance tau2, and its estimate errs with
a known variance; errors may be related (cities compared with the same controls). The interval of the mean says how well the mean is
known; the prediction interval where the effect of one more city of the same kind lies. The second is what a city asks for.

Source: DerSimonian and Laird (1986); Hartung and Knapp (2001), Statistics in Medicine 20; Higgins, Thompson and Spiegelhalter
(2009), Journal of the Royal Statistical Society A 172; Viechtbauer (2010), Journal of Statistical Software 36.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.keys import Share, checked
from scale_impact.core.words import counted, number
from scale_impact.errors import DesignError
from scale_impact.synthesis.between.blocks import blocks_of, rotated
from scale_impact.synthesis.between.clustering import cluster
from scale_impact.synthesis.between.estimating import Tau2
from scale_impact.synthesis.between.fitting import Fit, Inference, fit
from scale_impact.synthesis.between.freedom import df_of_level, said
from scale_impact.synthesis.between.pooled import Pooled
from scale_impact.synthesis.between.reading import Prediction, of_clusters, of_line, single
from scale_impact.synthesis.between.taking import cluster_codes, notes_on_errors, take

__all__ = ["Clusters", "Inference", "Pooled", "Prediction", "Tau2", "pool"]

Clusters = Literal["auto", "multilevel", "robust", "ignore"]


@checked
def pool(
    effects: CityEffects,
    *,
    tau2: Tau2 = "reml",
    inference: Inference = "hartung_knapp",
    prediction: Prediction = "k-1",
    clusters: Clusters = "auto",
    level: Share = 0.95,
) -> Pooled:
    """Random-effects mean of cities' effects, with the prediction for a new city.

    Parameters
    ----------
    effects:
        k cities; their covariance may have entries off the diagonal.
    tau2:
        ``reml``, ``paule_mandel``, ``dersimonian_laird``, ``ml``, ``hedges``, ``sidik_jonkman``, ``hunter_schmidt``,
        ``empirical_bayes``; ``common``: no difference between cities is assumed.
    inference:
        ``hartung_knapp``: t with k - 1 degrees of freedom (fewer where effects err together and few controls tell how, see
        ``between.freedom``), the standard error scaled by what effects really scatter;
        ``hartung_knapp_floor``: never scaled down (ad hoc correction); ``normal``: z, too narrow for few cities.
    prediction:
        Degrees of freedom of the prediction interval's t: ``k-1`` (metafor 3.8 and later beside Hartung and Knapp), ``k-2``
        (Higgins, Thompson and Spiegelhalter), or ``normal``.
    clusters:
        Where several effects are of one cluster. ``auto``: multilevel (``reml``, ``ml``), or else robust; ``multilevel``;
        ``robust``: one variance between effects, errors robust to what clusters share; ``ignore``: each effect for itself.

    Raises
    ------
    DesignError
        No effects; an estimator that cannot be where errors determine each other; clusters asked for where there are none.
    DataError
        Standard errors of 0, named.
    """
    taken = take(effects)
    if len(effects) == 1:
        return single(effects, level, tau2)
    codes = None if clusters == "ignore" else cluster_codes(effects)
    _refuse_clusters(clusters, codes is not None, tau2)
    if codes is not None and codes.max() > 0:
        multilevel = clusters == "multilevel" or (clusters == "auto" and tau2 in ("reml", "ml"))
        return of_clusters(
            cluster(effects, taken, codes, tau2, inference, multilevel=multilevel, level=level), tau2, prediction
        )
    x = np.full((len(effects), 1), len(effects) ** -0.5)
    blocks = blocks_of(taken.covariance)
    line, turn = rotated(blocks, taken.y, x)
    found = fit(line, tau2, inference, float(np.var(taken.y)), level)
    own, left = found.between.tau2, float(line.left)
    found = found.limited(df_of_level(effects, blocks, turn, found.sums.weights[0], own, left))
    weighed = line.x[:, 0] * found.sums.weights[0]
    notes = _notes(effects, found, inference, tau2, bool((turn.back(weighed) < 0).any()))
    return of_line(effects, taken, turn, line, found, tau2, inference, prediction, level, notes)


def _refuse_clusters(clusters: Clusters, there: bool, tau2: Tau2) -> None:
    if clusters in ("multilevel", "robust") and not there:
        raise DesignError(
            f"clusters: {clusters} needs effects of which several are of one cluster. Give their clusters, or take auto."
        )
    if clusters == "multilevel" and tau2 not in ("reml", "ml"):
        raise DesignError(
            f"clusters: multilevel has two variances, which {tau2} cannot estimate. Take reml or ml, or clusters: robust."
        )


def _notes(effects: CityEffects, found: Fit, inference: Inference, tau2: Tau2, negative: bool) -> tuple[str, ...]:
    """What a reader has to know of a pooled mean."""
    k, notes = len(effects), list(effects.notes)
    if effects.clusters is not None and (n := len(set(effects.clusters))) < k:
        whose = (
            f"of one cluster ({effects.clusters[0]})"
            if n == 1
            else f"of {counted(n, 'cluster')}, which is not taken into account"
        )
        notes.append(
            f"The {k} effects are {whose}: the prediction is for a new city of the same kind, not of another cluster."
        )
    if found.identical:
        notes.append(
            "The effects are the same, so that Hartung and Knapp's standard error would be 0; it is the model's, as if their ratio were 1."
            if inference != "normal"
            else "The effects are the same."
        )
    elif inference == "hartung_knapp" and found.ratio < 1:
        notes.append(
            f"Effects scatter less than their errors let expect: Hartung and Knapp's standard error is {number(found.ratio**0.5)} of the "
            "model's. hartung_knapp_floor does not go below it."
        )
    if found.between.tau2 == 0 and tau2 != "common":
        notes.append(
            "tau2 is estimated as 0, at its boundary: that the data show no difference between cities does not say that there is none."
        )
    if k < 5:
        notes.append(
            f"{counted(k, 'city', 'cities')}: how much cities differ is hardly known, and the prediction interval rests on it."
        )
    if negative:
        notes.append("Some cities have negative weights, as their errors are related to those of surer ones.")
    return (*notes, *said(found.shared_df, found.spread.q_df), *notes_on_errors(effects))
