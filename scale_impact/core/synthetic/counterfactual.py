"""Counterfactual: what an estimator of the synthetic control family adds to its effect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.synthetic.worlds import Again, Floats, Worlds

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """Observed and expected paths of the treated, and how to ask again in other worlds.

    Attributes
    ----------
    periods:
        Labels of the T periods.
    names:
        The U treated units (or cohorts, for estimators that take the mean of a cohort), as a reader knows them.
    sizes:
        How many units each of them is.
    starts, fitted:
        Positions of the first treated period, and of the first period that is not fitted on
        (earlier where anticipation is allowed), [U].
    observed, expected:
        [U, T], the path and what it would have been without the measure.
    donors:
        Frame, donor names x treated names: weights, each column sums to one; None where there are no donor weights.
    periods_weights:
        Frame, period labels x treated names: weights of the periods before, for synthetic difference-in-differences.
    predictors:
        Frame with columns ``treated``, ``predictor``, ``observed``, ``synthetic``, ``donors`` (their mean) and ``weight`` (V);
        None where outcomes alone are matched.
    worlds, again:
        The study's own question, one row a treated unit, and what answers such questions; None where it cannot be asked
        again quickly (then ``refit`` is).
    unique:
        Whether the donor weights of each treated unit are the only ones that fit as well, [U]; None: not known.
    plain:
        Whether the donor weights are those that follow the outcomes of all periods fitted on as closely as weights can that
        are not negative and sum to one: no predictors, bounds, penalty or constant.
    modelled, expected_se:
        [U, T], what a model says of the path observed, the measure with its effect, and the standard errors of ``expected``,
        for models of a series; NaN where there is none.
    clock:
        [T], numbers whose differences are the event times of the path; None: the panel's clock.
    """

    periods: tuple[Any, ...]
    names: tuple[str, ...]
    sizes: Floats
    starts: tuple[int, ...]
    fitted: tuple[int, ...]
    observed: Floats
    expected: Floats
    donors: pd.DataFrame | None = None
    periods_weights: pd.DataFrame | None = None
    predictors: pd.DataFrame | None = None
    worlds: Worlds | None = None
    again: Again | None = None
    unique: tuple[bool, ...] | None = None
    plain: bool = False
    modelled: Floats | None = None
    expected_se: Floats | None = None
    clock: Floats | None = None

    @property
    def gaps(self) -> Floats:
        """Observed minus expected, [U, T]."""
        return self.observed - self.expected

    @cached_property
    def pre_rmspe(self) -> Floats:
        """Root mean squared gap of the periods fitted on, [U]."""
        return np.array([np.sqrt(np.nanmean(g[:n] ** 2)) for g, n in zip(self.gaps, self.fitted, strict=True)])
