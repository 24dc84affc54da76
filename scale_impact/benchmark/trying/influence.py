"""What each choice explains of the ranks over all combinations of choices, alone and with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.benchmark.trying import sobol
from scale_impact.benchmark.trying.acceptability import Drawn
from scale_impact.benchmark.trying.alternatives import USUAL, WEIGHTS, alternatives, ranks_over
from scale_impact.benchmark.trying.ranking import ranks_of_one
from scale_impact.errors import DesignError


@dataclass(frozen=True)
class ChoiceShares:
    """What C choices explain.

    Attributes
    ----------
    choices:
        Their names; only those with something to choose [C].
    options:
        What was tried of each.
    shift:
        By how many places a city moves from its rank in the study, on average over cities and combinations.
    overall:
        Shares in the variance of that average shift; None where it does not vary.
    first, total:
        Shares in the variance of each city's rank [C, n].
    deviation:
        Standard deviation of each city's rank over the combinations [n].
    level:
        Confidence level of the intervals in ``overall``.
    evaluations:
        How often the index was computed.
    left_out:
        What was not tried, and why.
    """

    choices: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]
    shift: float
    overall: sobol.Shares | None
    first: Floats
    total: Floats
    deviation: Floats
    level: float
    evaluations: int
    left_out: tuple[str, ...]


def choice_shares(
    drawn: Drawn,
    choices: Sequence[str] | None,
    given: Mapping[str, Sequence[str]],
    *,
    base: int,
    resamples: int,
    level: float,
    seed: int,
) -> ChoiceShares:
    """Shares of the choices in the average shift of ranks, and in each city's rank.

    Raises
    ------
    UsageError
        A choice that is not known.
    DesignError
        Nothing to choose; alternatives that the study asks for and that cannot be combined.
    """
    asked = (WEIGHTS, *USUAL) if choices is None else tuple(dict.fromkeys(choices))
    found = alternatives(drawn, asked, given)
    names = tuple(c for c in asked if c == WEIGHTS or c in found.options)
    if not names:
        raise DesignError(["choices: there is nothing to choose between.", *found.left_out])
    plan = sobol.design(names, base, seed)
    picks = {c: sobol.pieces(plan[:, names.index(c)], len(o)) for c, o in found.options.items()}
    row = sobol.pieces(plan[:, names.index(WEIGHTS)], drawn.number) if WEIGHTS in names else None
    weights = [None if row is None or w is None else w[row] for w in (drawn.indicators, drawn.dimensions)]
    ranks = ranks_over(found, picks, (weights[0], weights[1]), len(plan))
    shift = np.abs(ranks - ranks_of_one(drawn.scores.index[drawn.cities])).mean(axis=1)
    overall = sobol.shares(names, shift, resamples=resamples, level=level, seed=seed)
    first, total = sobol.shares_by_city(names, ranks)
    return ChoiceShares(
        names,
        found.options,
        float(shift.mean()),
        overall,
        first,
        total,
        ranks.std(axis=0),
        level,
        len(plan),
        found.left_out,
    )
