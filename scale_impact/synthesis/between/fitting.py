"""A fit at the estimated tau2: coefficients, their covariance by Hartung and Knapp or by the model, intervals by t or z.

Source: Hartung and Knapp (2001), Statistics in Medicine 20; Sidik and Jonkman (2002); Knapp and Hartung (2003) for regressions;
Roever, Knapp and Friede (2015), BMC Medical Research Methodology 15, on never scaling down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scale_impact.synthesis.between.estimating import Between, Tau2, estimate
from scale_impact.synthesis.between.line import Floats, Line, Sums, at
from scale_impact.synthesis.between.spread import Spread, spread_of

Inference = Literal["hartung_knapp", "hartung_knapp_floor", "normal"]

NONE = 1e-12
"""Weighted squares of residuals below this share of what is expected are none: the effects are the same."""


@dataclass(frozen=True)
class Fit:
    """A fit of p coefficients.

    Attributes
    ----------
    between, sums:
        tau2, and everything at it.
    beta, covariance:
        Coefficients [p] and their covariance [p, p], scaled as the inference asks for.
    df:
        Of t; None: normal.
    ratio:
        Weighted squares of residuals over k - p, what Hartung and Knapp scale by.
    identical:
        Whether there are no residuals, where scaling would give a standard error of 0 and is not done.
    spread:
        Q, typical variance, interval of tau2.
    shared_df:
        Degrees of freedom of what errors share, where these are fewer than k - p (see ``freedom``); else infinite.
    """

    between: Between
    sums: Sums
    beta: Floats
    covariance: Floats
    df: float | None
    ratio: float
    identical: bool
    spread: Spread
    shared_df: float = float("inf")

    def limited(self, shared: float) -> Fit:
        """With t of no more degrees of freedom than those."""
        return replace(self, df=None if self.df is None else min(self.df, shared), shared_df=shared)


def fit(line: Line, method: Tau2, inference: Inference, spread: float, level: float, *, interval: bool = True) -> Fit:
    """Coefficients at the estimated tau2; see ``estimate`` for ``spread``."""
    between = estimate(line, method, spread)
    sums = at(line, between.tau2)
    ratio = float(sums.rss[0]) / line.left
    identical = ratio < NONE
    scaled = {"normal": 1.0, "hartung_knapp": ratio, "hartung_knapp_floor": max(ratio, 1.0)}[inference]
    covariance = (1.0 if identical else scaled) * np.linalg.inv(sums.information[0])
    df = None if inference == "normal" else float(line.left)
    found = spread_of(line, level, interval=interval)
    return Fit(between, sums, sums.beta[0], covariance, df, ratio, identical, found)


def quantile(level: float, df: float | None) -> float:
    """Half the width of an interval in standard errors."""
    from scipy.stats import norm, t

    return float(norm.isf((1 - level) / 2) if df is None else t.isf((1 - level) / 2, df))


def p_value(estimate: float, error: float, df: float | None) -> float:
    """Of the test on both sides that a number is 0."""
    from scipy.stats import norm, t

    z = abs(estimate) / error
    return 2 * float(norm.sf(z) if df is None else t.sf(z, df))
