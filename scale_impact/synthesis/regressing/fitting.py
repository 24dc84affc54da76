"""Fits of a regression: each effect for itself, or effects in clusters; on orthonormal regressors and the scale taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.errors import DesignError
from scale_impact.synthesis.between.blocks import Ints, blocks_of, rotated, totals
from scale_impact.synthesis.between.estimating import KNOWN, Tau2, estimate
from scale_impact.synthesis.between.fitting import Inference, fit
from scale_impact.synthesis.between.freedom import df_of_level
from scale_impact.synthesis.between.line import Floats, at
from scale_impact.synthesis.between.nested import Nested, likeliest
from scale_impact.synthesis.between.robust import Sandwich, sandwich
from scale_impact.synthesis.between.spread import Spread, spread_of
from scale_impact.synthesis.between.taking import Taken

CLUSTERED = (
    "the Q profile is for effects of which each stands for itself; pool_clustered has intervals of both variances"
)
"""Why a regression of clustered effects has no interval of tau2."""


@dataclass(frozen=True)
class Fitted:
    """Coefficients of the basis [p] with their covariance [p, p], degrees of freedom (None: normal) and what is left between cities."""

    beta: Floats
    covariance: Floats
    df: float | None
    tau2: float
    tau2_error: float | None
    explained_of: float
    spread: Spread
    identical: bool = False
    ratio: float = 1.0
    robust: Sandwich | None = None
    parts: tuple[float, float] | None = None
    n_clusters: int | None = None
    shared_df: float = float("inf")


def alone(effects: CityEffects, taken: Taken, x: Floats, tau2: Tau2, inference: Inference, level: float) -> Fitted:
    """Each effect for itself; ``explained_of`` is tau2 without regressors, ``shared_df`` limits levels (not slopes)."""
    blocks, spread = blocks_of(taken.covariance), float(np.var(taken.y))
    line, turn = rotated(blocks, taken.y, x)
    found = fit(line, tau2, inference, spread, level)
    before = estimate(rotated(blocks, taken.y, _constant(len(taken.y)))[0], tau2, spread).tau2
    between = found.between
    return Fitted(
        found.beta,
        found.covariance,
        found.df,
        between.tau2,
        between.std_error,
        before,
        found.spread,
        found.identical,
        found.ratio,
        shared_df=df_of_level(effects, blocks, turn, found.sums.weights[0], found.between.tau2, float(line.left)),
    )


def in_clusters(taken: Taken, x: Floats, codes: Ints, tau2: Tau2, inference: Inference, level: float) -> Fitted:
    """Effects in clusters: two variances (REML, ML) or one, and errors robust to what clusters share.

    Raises
    ------
    DesignError
        No more clusters than coefficients.
    """
    n_clusters, p = int(codes.max()) + 1, x.shape[1]
    blocks, plain = blocks_of(taken.covariance, codes), blocks_of(taken.covariance)
    if min(n_clusters, len(blocks)) <= p:
        raise DesignError(
            f"There are {len(blocks)} independent clusters for {p} coefficients, which leaves nothing to judge them by. Name fewer columns, or "
            "take clusters: ignore and say so."
        )
    shared, own, error, before = 0.0, 0.0, None, 0.0
    if tau2 in ("reml", "ml"):
        shared, own = likeliest(Nested(blocks, taken.y, x, codes, tau2 == "reml"))
        before = sum(likeliest(Nested(blocks, taken.y, _constant(len(codes)), codes, tau2 == "reml")))
    else:
        spread = float(np.var(taken.y))
        found = estimate(rotated(plain, taken.y, x)[0], tau2, spread)
        own, error = found.tau2, found.std_error
        before = estimate(rotated(plain, taken.y, _constant(len(codes)))[0], tau2, spread).tau2
    line, _ = rotated(blocks, taken.y, x, shared=shared)
    if own <= line.least and not line.regular:
        raise DesignError(KNOWN)
    sums = at(line, own)
    beta, bread = sums.beta[0], np.linalg.inv(sums.information[0])
    robust = sandwich(list(totals(blocks, shared, own)), x, taken.y - x @ beta, bread)
    left = spread_of(rotated(plain, taken.y, x)[0], level, interval=False)
    normal = inference == "normal"
    return Fitted(
        beta, bread if normal else robust.covariance, None if normal else float(n_clusters - p), shared + own, error, before, left,
        robust=None if normal else robust, parts=(shared, own), n_clusters=n_clusters,
    )  # fmt: skip


def _constant(k: int) -> Floats:
    return np.full((k, 1), k**-0.5)
