"""Interactive fixed effects: the generalized synthetic control of Xu (2017).

A few factors (shocks that all cities see, each in its own measure) are found in the donors, beside unit and period effects;
the periods before the measure tell how strongly each treated unit answers to them. Right where such shocks explain why trends
differ, with some ten periods before the measure and more donors than factors. Wrong where a factor moves the treated alone,
where there are few periods before (loadings are then fitted to noise), or where covariates are changed by the measure.

How many factors there are is chosen by leaving out the periods before the measure one at a time. ``method: em`` (Gobillon and
Magnac 2016) finds the factors in all untreated cells, those of the treated units, too, and fills cells that were not observed.
Placebo cities judge it; or ask for Xu's parametric bootstrap (``bootstrap: 1000``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column, Label
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.factors import answer
from scale_impact.core.synthetic.low_rank import Force, by_rank, cross_validate, effects, fill, filled_gaps, simplest
from scale_impact.core.synthetic.pilots import Pilots, pilots
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import counted, number, some
from scale_impact.errors import DesignError, EstimationError, UsageError
from scale_impact.estimators._convention import listed
from scale_impact.estimators._covariates import complete_columns
from scale_impact.estimators._low_rank import completed, misnamed, notes_of, refuse, untreated, whole_table
from scale_impact.estimators._parametric_bootstrap import FEWEST_DRAWS, with_errors
from scale_impact.estimators._synthetic import effect_of, mapped

KEY = "interactive_fixed_effects"
Method = Literal["controls", "em"]

ENOUGH = 10
"""Periods before the measure below which loadings are fitted to noise. Source: Xu (2017)."""

FILLED_BY = "say `method: em`, which fills them"
"""What this estimator does with cells that were not observed."""


def fit(
    panel: Panel,
    design: Design,
    *,
    donors: Sequence[Label] | None = None,
    without: Sequence[Label] = (),
    factors: Annotated[int, Ge(0)] | None = None,
    most_factors: Annotated[int, Ge(0)] = 5,
    force: Force = "two-way",
    covariates: Sequence[Column] = (),
    method: Method = "controls",
    bootstrap: Annotated[int, Ge(0)] = 0,
    folds: Annotated[int, Ge(2)] = 5,
    seed: Annotated[int, Ge(0)] = 20251122,
) -> Effect:
    """The effect on each treated unit against the factors that it shares with donors.

    Parameters
    ----------
    panel, design:
        Units followed over time; donors are those never treated. Treated units may start at different dates.
    donors, without:
        The only units that may be donors; units that must not.
    factors:
        How many; None: by cross-validation, from 0 to ``most_factors``.
    force:
        Effects beside the factors: ``two-way``, ``unit``, ``time`` or ``none``.
    covariates:
        Columns that vary over time and that the measure does not change; their slopes are from donors (``controls``).
    method:
        ``controls``: factors from donors alone (Xu); ``em``: from all untreated cells.
    bootstrap:
        Draws of the parametric bootstrap for standard errors (``controls``); 0: none.
    folds, seed:
        Parts of the cross-validation of ``em``, which holds out cells; same seed, same draws and parts.

    Returns
    -------
    Effect in the outcome's unit: ``overall``, ``path``, ``counterfactual`` without donor weights.

    Raises
    ------
    DesignError
        No donor, a treated donor, too few periods before or too few donors for the factors, missing cells (``controls``),
        a covariate that is no number or missing in a cell.
    EstimationError
        The outcome does not vary, a covariate says nothing, or the steps do not settle.

    Source: Xu (2017), section 3, algorithms 1 and 2; Bai (2009); Gobillon and Magnac (2016), section 3.
    """
    chosen = listed(covariates)
    _refuse_options(method, force, bootstrap, chosen, folds, (factors, most_factors))
    found = pilots(panel, design, KEY, donors=donors, without=without, incomplete=method == "em", filled_by=FILLED_BY)
    refuse(found, KEY)
    _refuse_factors(found, factors, force)
    ranks = [factors] if factors is not None else list(range(min(most_factors, _room(found, force)) + 1))
    if method == "em":
        return _by_em(found, ranks, force, folds, seed)
    return _by_controls(found, ranks, force, _columns(found, chosen, force), bootstrap, seed)


# ---- factors from the donors ----------------------------------------------------------------------------------------------


def _by_controls(
    found: Pilots, ranks: list[int], force: Force, covariates: Floats, bootstrap: int, seed: int
) -> Effect:
    """Xu's estimator. One treated unit: other worlds choose their own number of factors; several: they keep it."""
    worlds = found.worlds()
    answered = answer(worlds, covariates, ranks, force, pooled=True)
    rank = int(answered.ranks[0])
    tried = ranks if found.n_treated == 1 else [rank]
    again = partial(_again, covariates=covariates, ranks=tried, force=force)
    counterfactual = mapped(found, worlds.targets - answered.gaps, again=again)
    weights = worlds.fit.sum(axis=1)
    errors = np.sqrt((answered.errors**2 * weights).sum(axis=1) / weights.sum())
    notes = [_said(ranks, rank, errors.tolist(), "periods before the measure, left out one at a time,")]
    if len(tried) < len(ranks):
        notes.append("Placebos and permutations keep this number of factors.")
    notes += _said_of_periods(found)
    effect = effect_of(KEY, found, counterfactual, notes=tuple(notes))
    return with_errors(effect, found, covariates, rank, force, bootstrap, seed) if bootstrap else effect


def _again(worlds: Worlds, *, covariates: Floats, ranks: list[int], force: Force) -> Floats:
    """Gaps [B, T] in other worlds, each with the number of factors that suits it best."""
    return answer(worlds, covariates, ranks, force).gaps


def _said(ranks: list[int], rank: int, errors: list[float], held: str) -> str:
    """The number of factors, and what else was tried."""
    if len(ranks) == 1:
        return f"{counted(rank, 'factor')}, as given." if rank or len(errors) else "No factor fits in these data."
    tried = ", ".join(f"{r}: {number(e)}" for r, e in zip(ranks, errors, strict=False))
    said = f"{counted(rank, 'factor')} by cross-validation: {held} are missed by (root mean squared error by number of factors) {tried}."
    if rank == ranks[-1] and rank:
        return (
            f"{said} That is the largest number tried (`most_factors`, or what the data allow), so there may be more."
        )
    return said if rank else f"{said} Without a factor there are the effects of units and periods alone (`force`)."


def _said_of_periods(found: Pilots) -> list[str]:
    """Treated units with few periods to fit their loadings on."""
    seen = untreated(found)[: found.n_treated].sum(axis=1)
    few = [f"{name} ({n})" for name, n in zip(found.names, seen, strict=False) if n < ENOUGH]
    if not few:
        return []
    return [
        f"Fewer than {ENOUGH} periods before the measure: {some(few)}. Loadings are then fitted to noise in part; see `pre_fit`."
    ]


# ---- factors from all untreated cells ------------------------------------------------------------------------------------


def _by_em(found: Pilots, ranks: list[int], force: Force, folds: int, seed: int) -> Effect:
    """Factors and missing cells in turn."""
    table = whole_table(found)
    errors: tuple[float, ...] = ()
    if len(ranks) > 1:
        errors = cross_validate(table, [by_rank(r) for r in ranks], force, folds=folds, seed=seed)
    rank = ranks[simplest(errors)] if errors else ranks[0]
    filled = fill(table, by_rank(rank)(table), force)
    again = partial(filled_gaps, ends=found.fitted, choose=by_rank(rank), force=force)
    notes = [_said(ranks, rank, list(errors), "untreated cells, left out in parts,")]
    if errors:
        notes.append("Placebos and permutations keep this number of factors.")
    notes += _said_of_periods(found)
    return effect_of(KEY, replace(found, notes=notes_of(found)), completed(found, filled, again), notes=tuple(notes))


# ---- what is refused --------------------------------------------------------------------------------------------------


def _refuse_options(
    method: str, force: str, bootstrap: int, covariates: Sequence[str], folds: int, many: tuple[int | None, int]
) -> None:
    """Options that cannot be or do not go together, all at once."""
    problems = misnamed(method=(method, Method), force=(force, Force))
    if method == "em" and covariates:
        problems.append("covariates are for `method: controls`; leave out one of the two.")
    if method == "em" and bootstrap:
        problems.append("bootstrap is for `method: controls`; with `em` placebo cities judge the estimate.")
    if 0 < bootstrap < FEWEST_DRAWS:
        problems.append(f"bootstrap is {bootstrap}; a standard error takes at least {FEWEST_DRAWS} draws (0: none).")
    if folds < 2:
        problems.append(f"folds is {folds}; cross-validation needs at least 2 parts.")
    problems += [
        f"{name} is {n}; it has to be 0 or more."
        for name, n in zip(("factors", "most_factors"), many, strict=True)
        if n is not None and n < 0
    ]
    if problems:
        raise UsageError([f"{KEY}: {p}" for p in problems])


def _room(found: Pilots, force: Force) -> int:
    """The most factors that each treated unit's periods before, the donors and the periods can tell, with one to spare."""
    unit, time = force in ("two-way", "unit"), force in ("two-way", "time")
    seen = untreated(found).sum(axis=1)
    donors = len(seen) - found.n_treated
    return max(0, min(int(seen.min()) - unit - 1, donors - time, int(found.outcomes.shape[1]) - unit))


def _refuse_factors(found: Pilots, factors: int | None, force: Force) -> None:
    """More factors than the data can tell."""
    if factors is None or factors <= _room(found, force):
        return
    own = " and its own level" if force in ("two-way", "unit") else ""
    seen = untreated(found).sum(axis=1)
    least = int(np.argmin(seen))
    donors = len(seen) - found.n_treated
    raise DesignError(
        f"{KEY}: {counted(factors, 'factor')} cannot be told in these data. {found.names[least]} has "
        f"{counted(int(seen[least]), 'untreated period')} for as many loadings{own}, and there are {counted(donors, 'donor')}; at most "
        f"{_room(found, force)} can. Ask for fewer (or leave `factors` out to have them chosen), or use data that begin earlier."
    )


def _columns(found: Pilots, names: Sequence[str], force: Force) -> Floats:
    """Covariates of the treated units and donors, [K, N, T].

    Raises
    ------
    DesignError
        One is no column, no number, or missing in a cell.
    EstimationError
        One says nothing beside effects and the others.
    """
    columns = complete_columns(found, names, KEY)
    if len(columns):
        _refuse_collinear(found, columns, names, force)
    return columns


def _refuse_collinear(found: Pilots, columns: Floats, names: Sequence[str], force: Force) -> None:
    """Covariates that the effects, or other covariates, explain among the donors."""
    theirs = columns[:, found.n_treated :]
    moving = theirs - effects(theirs, np.ones(theirs.shape[:2], dtype=bool), force)
    size = np.linalg.norm(theirs.reshape(len(theirs), -1), axis=1)
    kept: list[Floats] = []
    without = []
    for name, column, whole in zip(names, moving.reshape(len(moving), -1), size, strict=True):
        rest = column - (np.stack(kept).T @ (np.stack(kept) @ column) if kept else 0.0)
        length = float(np.linalg.norm(rest))
        if length <= 1e-9 * max(float(whole), 1e-300):
            without.append(name)
        else:
            kept.append(rest / length)
    if without:
        raise EstimationError(
            f"{KEY}: covariate {some([repr(n) for n in without])} says nothing among the donors beside their effects and the other "
            "covariates (it does not vary over time, or varies for all alike). Leave it out."
        )
