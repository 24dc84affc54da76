"""Heterogeneity: for whom a measure works, as an estimator of conditional effects tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.cross_section import CrossSection, Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Heterogeneity:
    """Effects by context, each row's told by models that never saw its cluster.

    Attributes
    ----------
    rows:
        What was compared, n rows.
    contexts:
        Frame [n], numbers by which effects may differ.
    cate:
        [n], conditional effects.
    std_errors:
        [n], of ``cate``; None where there are none.
    scores:
        [n], orthogonal scores: their mean given contexts is the conditional effect.
    folds:
        [n], the fold in which a row was left out.
    propensity:
        [n], probability (or mean) of exposure given covariates, cross-fitted.
    outcome_mean:
        [n], mean outcome given covariates, cross-fitted.
    predict:
        Conditional effects of other contexts: frame in, frame with ``estimate``, ``ci_low``, ``ci_high`` out.
    modelled:
        [n], the effects that ``scores`` mend by residuals; None: ``cate``.
    estimand:
        Whose average effect the scores have for their mean: ``ATE`` or ``ATT``.
    """

    rows: CrossSection
    contexts: pd.DataFrame
    cate: Floats
    scores: Floats
    folds: NDArray[np.int64]
    propensity: Floats
    outcome_mean: Floats
    estimand: str
    std_errors: Floats | None = None
    predict: Callable[[Any], pd.DataFrame] | None = None
    modelled: Floats | None = None
