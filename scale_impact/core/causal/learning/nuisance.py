"""Nuisance: what outcome and exposure are expected to be given covariates, each row's told by the other folds.

Source: Chernozhukov et al. (2018), Double/debiased machine learning, definition 3.2 (DML2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.cross_section import Floats, Ints
from scale_impact.core.causal.learning.folds import splits
from scale_impact.core.causal.learning.learners import Learners, classifier, quietly, regressor

Make = Callable[[str, int], Any]


@dataclass(frozen=True, eq=False)
class Nuisance:
    """Cross-fitted expectations of n rows.

    Attributes
    ----------
    outcome_mean:
        [n], of the outcome given covariates.
    propensity:
        [n], probability of exposure (binary) or its mean, as learned: nothing is clipped.
    control_mean, treated_mean:
        [n], of the outcome in each arm; None where exposure is a dose.
    learned:
        The learner taken for each of them.
    """

    outcome_mean: Floats
    propensity: Floats
    control_mean: Floats | None
    treated_mean: Floats | None
    learned: dict[str, str]

    def clipped(self, bounds: tuple[float, float]) -> Nuisance:
        """The same with probabilities within bounds."""
        return replace(self, propensity=np.clip(self.propensity, *bounds))


def bounds_of(exposure: Floats, clip: float) -> tuple[float, float]:
    """Between which probabilities of exposure weights are bearable.

    ``clip`` and 1 - ``clip`` where half are exposed. Where few are (or few are not), the end on their side moves in proportion: in a rare
    exposure small probabilities are no lack of overlap, and no weight may be 1 / (2 ``clip``) times that of an average row.
    """
    share = float(exposure.mean())
    return 2 * clip * min(share, 0.5), 1 - 2 * clip * min(1 - share, 0.5)


def cross_fit(
    outcome: Floats, exposure: Floats, controls: Floats, folds: Ints, by: Learners, *, binary: bool, arms: bool
) -> Nuisance:
    """Expectations of outcome and exposure, by learners that never saw a row's fold.

    Parameters
    ----------
    outcome, exposure, controls, folds:
        [n], [n], [n, K] and [n].
    by:
        Learners; of several the one with the least squared error out of fold is taken.
    binary:
        Whether exposure is 0 or 1.
    arms:
        Whether outcomes of each arm are wanted, too.
    """
    everyone = np.ones(len(outcome), dtype=bool)
    target = exposure.astype(np.int64) if binary else exposure
    numbers = partial(regressor, levels=by.levels)
    asked = {
        "outcome": (numbers, by.outcome, outcome, everyone),
        "treatment": (classifier if binary else numbers, by.treatment, target, everyone),
    }
    if arms and binary:
        asked |= {"controls": (numbers, by.outcome, outcome, exposure == 0)}
        asked |= {"treated": (numbers, by.outcome, outcome, exposure == 1)}
    found = {part: _best(*of, controls, folds, by.seed) for part, of in asked.items()}
    told = {part: values for part, (_, values) in found.items()}
    names = {part: name for part, (name, _) in found.items()}
    return Nuisance(told["outcome"], told["treatment"], told.get("controls"), told.get("treated"), names)


def _best(
    make: Make, names: Sequence[str], target: Any, teach: NDArray[np.bool_], controls: Floats, folds: Ints, seed: int
) -> tuple[str, Floats]:
    """The learner with the least squared error out of fold, and what it says."""
    told = [(name, out_of_fold(partial(_any_fold, make, name, seed), target, teach, controls, folds)) for name in names]
    return min(told, key=lambda t: float(((target - t[1])[teach] ** 2).mean()))


def _any_fold(make: Make, name: str, seed: int, fold: int) -> Any:
    """A learner that is the same for each fold."""
    return make(name, seed)


def out_of_fold(
    make: Callable[[int], Any], target: Any, teach: NDArray[np.bool_], controls: Floats, folds: Ints
) -> Floats:
    """What a learner says of each row [n], taught by the rows of other folds that ``teach`` admits; ``make`` is told the fold."""
    told = np.empty(len(controls))
    for others, own in splits(folds):
        taught = others[teach[others]]
        told[own] = say(quietly(make(int(folds[own[0]])), controls[taught], target[taught]), controls[own])
    return told


def say(model: Any, controls: Floats) -> Floats:
    """What a fitted learner says: a number, or the probability of a 1."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(controls)[:, 1])
    return np.asarray(model.predict(controls), dtype=np.float64)
