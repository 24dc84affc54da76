"""Matrix completion: what the treated would have seen is the missing part of a table of cities and periods.

Unit effects, period effects and a matrix of low rank (patterns over time that cities share, each in its own measure) are
fitted to all untreated cells; the nuclear norm of that matrix is penalised, so that the data say how many patterns there are.
Right where cities share a few trends in differing strength; several dates and cells that were not observed are no trouble.
It lies between difference-in-differences (a large penalty: no pattern) and the full completion. It is wrong where something
happened to the treated alone at the date of the measure, and weak with few periods before it.

The penalty is chosen by cross-validation on untreated cells. There are no donor weights. No standard error of its own: placebo
cities judge it. Periods before the measure take part in the fit, so their gaps are smaller than the errors after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Label
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.low_rank import (
    Filled,
    Force,
    Positions,
    Shrink,
    Tables,
    by_penalty,
    cross_validate,
    fill,
    filled_gaps,
    penalty_path,
    simplest,
)
from scale_impact.core.synthetic.pilots import pilots
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import counted, number
from scale_impact.errors import UsageError
from scale_impact.estimators._low_rank import Chosen, completed, misnamed, notes_of, refuse, whole_table
from scale_impact.estimators._synthetic import effect_of

Tuning = Literal["kept", "anew"]
Search = Callable[[Tables], Chosen]

TRIALS = 40
"""Penalties on the path, over three decades, as evenly spread on the log scale as in the authors' package."""


def fit(
    panel: Panel,
    design: Design,
    *,
    donors: Sequence[Label] | None = None,
    without: Sequence[Label] = (),
    penalty: Annotated[float, Gt(0)] | None = None,
    force: Force = "two-way",
    folds: Annotated[int, Ge(2)] = 5,
    tuning: Tuning = "kept",
    seed: Annotated[int, Ge(0)] = 20251122,
) -> Effect:
    """The effect on treated cells, against the completed table.

    Parameters
    ----------
    panel, design:
        Units followed over time; donors are those never treated. All treated units are in one table, each until its own
        (anticipated) start. With ``balance: pairwise`` cells that were not observed are filled, too.
    donors, without:
        The only units that may be donors; units that must not.
    penalty:
        Of the sum of singular values, where the fit is the mean squared error of the cells seen (the paper's lambda);
        None: by cross-validation.
    force:
        Effects in all cells that are not penalised: ``two-way``, ``unit``, ``time`` or ``none``.
    folds, seed:
        Cross-validation: each unit's untreated cells are dealt to so many parts, and each part is held out once.
    tuning:
        In placebo worlds the penalty of the study is ``kept`` (all but a few of the cells that chose it are the same), or
        chosen ``anew`` in each, which takes a hundred times as long.

    Returns
    -------
    Effect in the outcome's unit: ``overall``, ``path``, ``counterfactual`` without donor weights.

    Raises
    ------
    DesignError
        No donor, a donor that is treated itself, fewer than three periods before the measure, a period in which no untreated
        unit was observed, a treated unit that was not observed before or after the start.
    EstimationError
        The outcome does not vary, or the steps do not settle.

    Source: Athey, Bayati, Doudchenko, Imbens and Khosravi (2021), equation 4.3 and section 4.
    """
    _refuse_options(penalty, folds, force, tuning)
    found = pilots(panel, design, "matrix_completion", donors=donors, without=without, incomplete=True)
    refuse(found, "matrix_completion")
    table = whole_table(found)
    search = partial(_chosen, force=force, folds=folds, seed=seed)
    chosen = Chosen(float(penalty)) if penalty is not None else search(table)
    filled = fill(table, by_penalty(chosen.value)(table), force)
    anew = search if penalty is None and tuning == "anew" else None
    again = partial(_again, ends=found.fitted, force=force, penalty=chosen.value, search=anew)
    counterfactual = completed(found, filled, again)
    notes = (*_notes(chosen, filled, force), *([_KEPT] if penalty is None and anew is None else []))
    return effect_of("matrix_completion", replace(found, notes=notes_of(found)), counterfactual, notes=notes)


_KEPT = "Placebos and permutations keep this penalty; `tuning: anew` chooses it again in each of them."


def _refuse_options(penalty: float | None, folds: int, force: str, tuning: str) -> None:
    """Options that cannot be, all at once."""
    problems = misnamed(force=(force, Force), tuning=(tuning, Tuning))
    if penalty is not None and not (np.isfinite(penalty) and penalty > 0):
        problems.append(
            f"penalty is {penalty!r}; it has to be above 0 (without a penalty any completion fits). Leave it out to have it chosen."
        )
    if folds < 2:
        problems.append(f"folds is {folds}; cross-validation needs at least 2 parts.")
    if problems:
        raise UsageError([f"matrix_completion: {p}" for p in problems])


def _chosen(table: Tables, *, force: Force, folds: int, seed: int) -> Chosen:
    """The penalty with the smallest error of cells held out, of one table; infinite where effects alone fit exactly."""
    path = penalty_path(table, force, TRIALS)
    if not path:
        return Chosen(np.inf)
    errors = cross_validate(table, [by_penalty(p) for p in path], force, folds=folds, seed=seed)
    best = simplest(errors)
    return Chosen(path[best], errors[best], errors[0], first=best == 0, last=best == len(path) - 1)


def _again(worlds: Worlds, *, ends: Positions, force: Force, penalty: float, search: Search | None) -> Floats:
    """Gaps [B, T] in other worlds, with the study's penalty or one chosen in each."""
    if search is None:
        return filled_gaps(worlds, ends, by_penalty(penalty), force)
    return filled_gaps(worlds, ends, partial(_each, search=search), force)


def _each(tables: Tables, *, search: Search) -> Shrink:
    """Thresholds chosen table by table."""
    singles = (tables.take([b]) for b in range(len(tables)))
    return Shrink(np.array([search(t).value * t.counts[0] / 2 for t in singles]))


def _notes(chosen: Chosen, filled: Filled, force: Force) -> list[str]:
    """What was chosen, and what it means."""
    rank = counted(int(filled.rank[0]), "pattern")
    if np.isinf(chosen.value):
        return [
            "Unit and period effects alone fit all untreated cells exactly: there is nothing left for a matrix of low rank."
        ]
    if chosen.error is None:
        return [f"Penalty {number(chosen.value)} as given; the matrix of low rank has {rank}."]
    said = [
        f"Penalty {number(chosen.value)} by cross-validation: cells held out are missed by {number(chosen.error)} on average (root "
        f"mean squared), and by {number(chosen.without)} without a matrix of low rank; it has {rank}."
    ]
    if chosen.first and force == "two-way":
        said.append(
            "Cross-validation finds no pattern beyond unit and period effects: this is difference-in-differences."
        )
    if chosen.last:
        said.append(
            "Cross-validation chose the smallest penalty that was tried: hardly anything is shrunk, and the answer rests on the "
            "last digits of the outcomes. Compare it with interactive_fixed_effects."
        )
    return said
