"""What estimators share that complete a table of cities and periods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.low_rank import Filled, Tables
from scale_impact.core.synthetic.pilots import FEWEST, Pilots
from scale_impact.core.synthetic.worlds import Again, Bools
from scale_impact.core.words import plain, some
from scale_impact.errors import DesignError, EstimationError
from scale_impact.estimators._synthetic import mapped, refuse_constant


@dataclass(frozen=True)
class Chosen:
    """A penalty or a number of factors.

    Attributes
    ----------
    value:
        What was chosen or given.
    error, without:
        Root mean squared error of cells held out with it, and without any factor; None where it was given.
    first, last:
        Whether it is an end of what was tried: the most shrinking, the least.
    """

    value: float
    error: float | None = None
    without: float = np.nan
    first: bool = False
    last: bool = False


def misnamed(**choices: tuple[str, object]) -> list[str]:
    """What is wrong with options that are one of a few words: the word given, and the kind that lists them."""
    return [
        f"{name} is {word!r}; it has to be one of {', '.join(get_args(kind))}."
        for name, (word, kind) in choices.items()
        if word not in get_args(kind)
    ]


def untreated(found: Pilots) -> Bools:
    """Cells observed of donors, and of treated units in the periods fitted on, [N, T]."""
    seen = ~np.isnan(found.outcomes)
    seen[: found.n_treated] &= np.arange(seen.shape[1]) < found.fitted[:, None]
    return seen


def whole_table(found: Pilots) -> Tables:
    """The one table of treated units and donors."""
    seen = untreated(found)
    return Tables(np.where(seen, found.outcomes, 0.0)[None], seen[None], np.asarray(seen.any(axis=1))[None])


def completed(found: Pilots, filled: Filled, again: Again) -> Counterfactual:
    """The counterfactual of a filled table: the fit of the treated units' rows."""
    return mapped(found, filled.fitted[0, : found.n_treated], again=again)


def refuse(found: Pilots, method: str) -> None:
    """Refuse outcomes that do not vary, and tables with cells that nothing can tell.

    Raises
    ------
    DesignError, EstimationError
        All that is wrong with the cells at once; a constant outcome.
    """
    if problems := refuse_constant(found):
        raise EstimationError(problems)
    if problems := [*_periods_unseen(found, method), *_units_unseen(found, method)]:
        raise DesignError(problems)


def _periods_unseen(found: Pilots, method: str) -> list[str]:
    """Periods in which no untreated unit was observed."""
    never = np.flatnonzero(~untreated(found).any(axis=0))
    if not len(never):
        return []
    return [
        f"{method}: no untreated unit was observed in {some([plain(found.panel.periods[p]) for p in never])}, so nothing tells what "
        "would have been then. Leave these periods out, or complete the data of a donor."
    ]


def _units_unseen(found: Pilots, method: str) -> list[str]:
    """Treated units that were hardly observed before the start, or never after it."""
    seen, u = ~np.isnan(found.outcomes), found.n_treated
    before = untreated(found)[:u].sum(axis=1)
    time = np.arange(seen.shape[1])
    after = (seen[:u] & (time >= found.starts[:, None])).any(axis=1)
    said = [
        f"{method}: {found.names[k]} was observed in {before[k]} of the {found.fitted[k]} periods before the measure; it takes "
        f"{FEWEST}. Complete its data or leave it out."
        for k in np.flatnonzero(before < FEWEST)
    ]
    return said + [
        f"{method}: {found.names[k]} was not observed from {plain(found.panel.periods[found.starts[k]])} on, when its measure "
        "began, so there is no effect to see. Complete its data or leave it out."
        for k in np.flatnonzero(~after)
    ]


def notes_of(found: Pilots) -> tuple[str, ...]:
    """Notes of the design, in which cells not observed are filled here and not left out of comparisons."""
    here = "two periods are compared by the units observed in both"
    return tuple(n.replace(here, "their other cells are filled in, as treated ones are") for n in found.notes)
