"""Who the units of a counterfactual are, and its gaps where some of them are left out with weights kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.worlds import Floats

Positions = NDArray[np.int64]


def members(panel: Panel, design: Design, found: Counterfactual) -> Positions | None:
    """Positions in the panel of the units of its worlds, treated first by start, then donors; None where they are not known."""
    if found.worlds is None or found.donors is None:
        return None
    treated = np.flatnonzero(np.isin(design.cohort_codes, design.adopting))
    treated = treated[np.argsort(design.starts[design.cohort_codes[treated]], kind="stable")]
    at = {panel.unit_name(u): u for u in range(panel.n_units)}
    donors = [at[str(name)] for name in found.donors.index if str(name) in at]
    who = np.concatenate([treated, np.array(donors, dtype=np.int64)])
    return who if len(who) == len(found.worlds.outcomes) else None


def keeps_weights(found: Counterfactual | None) -> bool:
    """Whether it is a weighted difference in differences, whose weights can be kept when a unit is left out."""
    return found is not None and found.donors is not None and found.periods_weights is not None


def without(found: Counterfactual, kept: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Gaps [U, T] and sizes [U] with the units kept [N] alone: weights of periods stay, those of donors sum to one again.

    Gaps are NaN where no treated unit is left, or no donor that has weight.

    Source: Arkhangelsky et al. (2021), algorithm 3.
    """
    assert found.worlds is not None
    assert found.donors is not None
    assert found.periods_weights is not None
    outcomes, treated = found.worlds.outcomes, (found.worlds.treated > 0) & kept
    donors = np.zeros(treated.shape)
    donors[:, outcomes.shape[0] - len(found.donors) :] = found.donors.to_numpy().T
    donors = donors * kept
    with np.errstate(invalid="ignore", divide="ignore"):
        mine = treated / treated.sum(axis=1, keepdims=True)
        others = donors / donors.sum(axis=1, keepdims=True)
    apart = (mine - others) @ outcomes
    level = (apart * found.periods_weights.to_numpy().T).sum(axis=1, keepdims=True)
    return apart - level, treated.sum(axis=1).astype(float)
