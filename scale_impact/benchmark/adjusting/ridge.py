"""Ridge regression of many samples at once, each with the penalty that cross-validation chooses."""

from __future__ import annotations

import numpy as np

from scale_impact.benchmark.adjusting.moments import Fits, Moments
from scale_impact.benchmark.cities import Floats

PENALTIES = np.append(np.logspace(-5, 4, 61), np.inf)
"""Tried for each city of the sample; an infinite one leaves the mean alone."""


def ridge(m: Moments) -> Fits:
    """Ridge regressions, the penalty of each by generalised cross-validation.

    Penalties with which a model would have more parameters than half as many as cities are not tried: the criterion is wild there.

    Source: Hoerl and Kennard (1970); Golub, Heath and Wahba (1979), equation 1.4.
    """
    values, vectors = np.linalg.eigh(m.gram)
    values = np.maximum(values, 0.0)
    turned = np.einsum("mpq,mp->mq", vectors, m.cross)
    penalty = m.n * PENALTIES[_best(m, values, turned)]
    inverse = 1 / (values + penalty[:, None] + np.where(values > 0, 0.0, np.finfo(float).tiny))
    slopes = np.einsum("mpq,mq->mp", vectors, turned * inverse)
    spread = np.einsum("mpq,mq,mrq->mpr", vectors, values * inverse**2, vectors)
    df = 1 + (values * inverse).sum(axis=1)
    return Fits(m.y_mean - (slopes * m.x_mean).sum(axis=1), slopes, m.n, m.x_mean, spread, df)


def _best(m: Moments, values: Floats, turned: Floats) -> Floats:
    """Position of each model's penalty [M]."""
    inverse = 1 / (values[:, None, :] + m.n[:, None, None] * PENALTIES[:, None])
    kept = values[:, None, :] * inverse
    df = 1 + kept.sum(axis=2)
    missed = m.square[:, None] - (turned[:, None, :] ** 2 * inverse * (2 - kept)).sum(axis=2)
    rest = 1 - df / m.n[:, None]
    criterion = np.where(
        2 * df <= np.maximum(m.n, 2)[:, None], np.maximum(missed, 0) / np.maximum(rest, 1e-9) ** 2, np.inf
    )
    return np.asarray(criterion.argmin(axis=1))
