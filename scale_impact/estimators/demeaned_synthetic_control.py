"""Synthetic control with a level of its own: donors explain how a city moves, not how high it lies.

Weights on donors that sum to one, and a constant: each unit's mean before the measure is taken away. It is right where a
city lies above or below all others and yet moves like a mix of them; with donors whose weights explain it perfectly it
agrees with ``synthetic_control``. It is wrong where the gap in levels would not have stayed.

No standard error of its own: placebo cities or conformal intervals judge it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Label
from scale_impact.core.panel import Panel
from scale_impact.core.simplex import SimplexFit, simplex_fit
from scale_impact.core.synthetic.pilots import pilots
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.errors import EstimationError
from scale_impact.estimators._synthetic import (
    donor_frame,
    effect_of,
    mapped,
    refuse_constant,
    said_of_twins,
    said_of_uniqueness,
)


def fit(
    panel: Panel, design: Design, *, donors: Sequence[Label] | None = None, without: Sequence[Label] = ()
) -> Effect:
    """The effect on each treated unit against a mix of donors that moves as it did.

    Parameters
    ----------
    panel, design:
        Units followed over time; donors are those never treated. Several treated units are explained one by one.
    donors, without:
        The only units that may be donors; units that must not.

    Returns
    -------
    Effect in the outcome's unit: ``overall``, ``path``, ``counterfactual`` with the donors' weights.

    Raises
    ------
    DesignError
        No donor, a donor that is treated itself, fewer than three periods before the measure, missing cells.
    EstimationError
        The outcome does not vary.

    Source: Doudchenko and Imbens (2016), section 4; Ferman and Pinto (2021), the demeaned estimator.
    """
    found = pilots(panel, design, "demeaned_synthetic_control", donors=donors, without=without)
    if problems := refuse_constant(found):
        raise EstimationError(problems)
    worlds = found.worlds()
    solved = _solved(worlds)
    counterfactual = mapped(
        found, _expected(worlds, solved), donors=donor_frame(found, solved.weights), again=again,
        unique=tuple(bool(u) for u in solved.unique),
    )  # fmt: skip
    notes = (*said_of_twins(found), *said_of_uniqueness(found, solved.unique))
    return effect_of("demeaned_synthetic_control", found, counterfactual, notes=notes)


def again(worlds: Worlds) -> Floats:
    """Gaps [B, T] in other worlds."""
    return np.asarray(worlds.targets - _expected(worlds, _solved(worlds)))


def _solved(worlds: Worlds) -> SimplexFit:
    return simplex_fit(worlds.outcomes.T, worlds.targets, rows=worlds.fit, allowed=worlds.donors, intercept=True)


def _expected(worlds: Worlds, solved: SimplexFit) -> Floats:
    return np.asarray(solved.intercepts[:, None] + solved.weights @ worlds.outcomes)
