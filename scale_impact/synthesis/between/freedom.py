"""Degrees of freedom where effects err together: what cities share through the same controls is known from these controls alone.

The variance of a mean is what each city has of its own, which the scatter of k effects shows, and what the cities owe to common
controls. The second moves all effects alike, so that no scatter shows it: it is as well known as the covariance that n controls told,
with n - 1 degrees of freedom, however many cities there are. A mean of effects that all hang together so has no more than that; of
effects in several such blocks, or of which some stand alone, Satterthwaite's for the sum of what each block adds. In a prediction the
error of the mean is that well known, and the variance between cities as well as k effects show it.

Source: Satterthwaite (1946), Biometrics Bulletin 2; Conley and Taber (2011) on few treated and few controls. That the least of both
numbers is to be taken within a block, and not Satterthwaite's for its two parts, is by simulation (docs/transfer.md).
"""

from __future__ import annotations

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import number
from scale_impact.synthesis.between.blocks import Blocks, Rotation, totals
from scale_impact.synthesis.between.line import Floats


def shared_df(
    effects: CityEffects, weights: Floats, blocks: Blocks, most: float, own: float, shared: float = 0.0
) -> float:
    """Degrees of freedom of a mean by how well related errors are known; infinite where they leave it ``most``.

    Parameters
    ----------
    weights:
        Of the mean [k].
    blocks, own, shared:
        Effects that hang together, with the variance between them and between their clusters, on the scale of the blocks' errors.
    most:
        Degrees of freedom by how effects scatter.
    """
    if effects.df is None or effects.independent or not (effects.df < most).any():
        return float("inf")
    part, free = 0.0, 0.0
    few = []
    for rows, covariance in totals(blocks, shared, own):
        adds = float(weights[rows] @ covariance @ weights[rows])
        errors = effects.covariance[np.ix_(rows, rows)]
        related = (errors != np.diag(np.diag(errors))).any(axis=1)
        known = float(effects.df[rows][related].min(initial=most))
        if known < most:
            few.append(adds**2 / max(known, 1.0))
        else:
            free += adds
        part += adds
    return min(most, part**2 / (free**2 / most + sum(few))) if few else float("inf")


def df_of_level(
    effects: CityEffects, blocks: Blocks, turn: Rotation, weights: Floats, own: float, most: float
) -> float:
    """The same for the level of a line: of the mean that its rotated weights [k] give."""
    one = turn.there(np.ones(len(effects)))
    mean = turn.back(weights * one) / float(weights @ one**2)
    return shared_df(effects, mean, blocks, most, own)


def ahead_df(variance: float, tau2: float, shared: float, most: float | None) -> float | None:
    """Of a prediction's variance: the mean's, with ``shared`` degrees of freedom where these are few, and tau2 with ``most``."""
    if most is None or not shared < most:
        return most
    return min(most, (variance + tau2) ** 2 / (variance**2 / shared + tau2**2 / most))


def said(shared: float, most: float) -> list[str]:
    """What a reader has to know of a mean that has fewer degrees of freedom than effects."""
    if not shared < most:
        return []
    return [
        f"The effects err together, as cities share their controls, and what they share is known with {number(round(shared, 1))} degrees of freedom "
        f"only: intervals of the mean are by t with these, not with {number(most)}, and the prediction's by what is known of either part."
    ]
