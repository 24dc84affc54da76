"""Synthetic difference-in-differences: donors that move like the treated, compared over periods that look like those after.

Weights on donors (with a constant, and a penalty that spreads them) and on the periods before (with a constant) make a
difference in differences of weighted means. It is right where a city moves like a mix of donors and shares a level or shocks
with them that weights alone do not catch; it is wrong where nothing before the measure tells how the city would have gone
on. Several adoption dates are blocks of their own: the mean of those who start together, the never treated as donors, and an
overall effect in which each treated unit and period counts once.

``solver: auto`` takes the study's own weights from the steps of R's synthdid, which stop before the optimum, so that published
numbers come out (California: -15.6038; -15.6054 at the optimum), and solves all other worlds (placebo cities, donors left out)
exactly, which is 20 times faster and moves their effects by a hundredth of the standard error at most.

No standard error of its own: placebo cities judge it; with several treated units the bootstrap and the jackknife do, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family
from scale_impact.core.keys import Column, Label
from scale_impact.core.panel import Panel
from scale_impact.core.simplex import simplex_fit
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.frank_wolfe import frank_wolfe
from scale_impact.core.synthetic.pilots import Pilots, name_together, pilots
from scale_impact.core.synthetic.worlds import Again, Bools, Floats, Worlds
from scale_impact.core.words import number
from scale_impact.errors import EstimationError
from scale_impact.estimators._covariates import less_covariates
from scale_impact.estimators._synthetic import NO_ERROR, donor_frame, effect_of, refuse_constant, said_of_twins

Weights = Literal["sdid", "sc", "did"]
Solver = Literal["auto", "exact", "frank_wolfe"]

ETA = 1e-6
"""Of the noise: the penalty on weights of periods (and of donors without synthetic DiD's own), only there to settle ties."""

STOP = 1e-5
"""Of the noise: a step that lowers the root of the mean squared error by less is the last."""

AWAY = 1e-6
"""Of the outcomes' size: where the optimum's effect differs by more from the steps', a note says so."""


def fit(
    panel: Panel,
    design: Design,
    *,
    weights: Weights = "sdid",
    solver: Solver = "auto",
    zeta: Annotated[float, Ge(0)] | None = None,
    covariates: Sequence[Column] = (),
    donors: Sequence[Label] | None = None,
    without: Sequence[Label] = (),
) -> Effect:
    """The effect on the treated against donors and periods that are weighted to be like them.

    Parameters
    ----------
    panel, design:
        Units followed over time; donors are those never treated.
    weights:
        ``sdid``: donors and periods; ``sc``: donors alone, without a constant and a penalty (synthdid's ``sc_estimate``);
        ``did``: all donors and periods before alike (``did_estimate``).
    solver:
        ``auto``: synthdid's steps for the study's own weights, the optimum in other worlds; ``exact``: the optimum;
        ``frank_wolfe``: synthdid's steps throughout.
    zeta:
        Root of the penalty on donors' weights, in the outcome's unit; default (N1 T1)^(1/4) times the standard deviation of the
        donors' changes before, N1 treated units and T1 periods after.
    covariates:
        Columns that vary over time, taken out of the outcomes by their slopes among the donors.
    donors, without:
        The only units that may be donors; units that must not.

    Returns
    -------
    Effect in the outcome's unit: ``overall``, ``path`` (before the measure: how closely the weighted means move together),
    ``by_cohort`` with several dates, ``counterfactual`` with the weights of donors and periods.

    Raises
    ------
    DesignError
        No donor, a donor that is treated itself, fewer than three periods before the measure, missing cells, a covariate that
        is no number or missing in some period.
    EstimationError
        The outcome does not vary; covariates cannot be told apart.

    Source: Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), algorithm 1; Clarke, Pailanir, Athey and Imbens (2024),
    section 2.3, for several dates; their R package synthdid 0.0.9 for constants.
    """
    found = pilots(panel, design, "synthetic_did", donors=donors, without=without)
    if problems := refuse_constant(found):
        raise EstimationError(problems)
    recipe = _Recipe(weights, "exact" if solver == "exact" else "frank_wolfe", zeta)
    others = replace(recipe, solver="exact") if solver == "auto" else recipe
    outcomes = less_covariates(found, covariates, "synthetic_did") if covariates else found.outcomes
    return _effect(found, replace(found, outcomes=outcomes), recipe, others)


# ---- cohorts as one treated path each ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Cohorts:
    """The treated by date of adoption: one question each, of their mean path. ``starts``, ``fitted``, ``sizes`` are [U]."""

    worlds: Worlds
    names: tuple[str, ...]
    starts: tuple[int, ...]
    fitted: tuple[int, ...]
    sizes: Floats


def by_cohort(found: Pilots) -> Cohorts:
    """Treated units that start together as one."""
    worlds = found.worlds()
    starts, first, which = np.unique(found.starts, return_index=True, return_inverse=True)
    members = np.equal.outer(np.arange(len(starts)), which.ravel()).astype(float)
    sizes = members.sum(axis=1)
    worlds = replace(worlds.take(first), treated=members / sizes[:, None] @ worlds.treated)
    names = tuple(name_together(found, np.flatnonzero(m), int(s)) for m, s in zip(members, starts, strict=True))
    return Cohorts(worlds, names, tuple(map(int, starts)), tuple(int(found.fitted[k]) for k in first), sizes)


# ---- weights -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Recipe:
    """How weights are found."""

    weights: Weights
    solver: Literal["exact", "frank_wolfe"]
    zeta: float | None


@dataclass(frozen=True, eq=False)
class _Mix:
    """Weights of donors [B, N] and of periods [B, T] (zeros where no period is a baseline)."""

    donors: Floats
    periods: Floats

    def gaps(self, worlds: Worlds) -> Floats:
        """Distance between the paths, less its weighted mean before."""
        apart = worlds.targets - self.donors @ worlds.outcomes
        return np.asarray(apart - (apart * self.periods).sum(axis=1, keepdims=True))


def again(worlds: Worlds, *, recipe: _Recipe, known: _Known | None = None) -> Floats:
    """Gaps [B, T] in other worlds; where the study's own question is among them, with the weights found for it."""
    return _mix(worlds, recipe).gaps(worlds) if known is None else known.mix(worlds).gaps(worlds)


@dataclass(frozen=True, eq=False)
class _Known:
    """Questions already answered, and how others are."""

    worlds: Worlds
    answer: _Mix
    others: _Recipe

    def mix(self, worlds: Worlds) -> _Mix:
        """Weights of all questions."""
        at = self._find(worlds)
        new = np.flatnonzero(at < 0)
        donors, periods = self.answer.donors[at], self.answer.periods[at]
        if len(new) == len(worlds):
            return _mix(worlds, self.others)
        if len(new):
            found = _mix(worlds.take(new), self.others)
            donors[new], periods[new] = found.donors, found.periods
        return _Mix(donors, periods)

    def _find(self, worlds: Worlds) -> NDArray[np.int64]:
        """Position of the same question among those known; -1 for others. A shift after the fit changes no weight."""
        at = np.full(len(worlds), -1)
        mine = self.worlds
        if worlds.outcomes is not mine.outcomes:
            return at
        moved = np.zeros(len(worlds), bool) if worlds.shift is None else ((worlds.shift != 0) & worlds.fit).any(axis=1)
        for k in range(len(mine)):
            pairs = ((getattr(worlds, a), getattr(mine, a)[k]) for a in ("treated", "donors", "fit", "after"))
            at[np.all([(theirs == own).all(axis=1) for theirs, own in pairs], axis=0) & ~moved] = k
        return at


def _mix(worlds: Worlds, recipe: _Recipe) -> _Mix:
    """Weights of donors and periods in each world."""
    equal = _Mix(_alike(worlds.donors), _alike(worlds.fit))
    if recipe.weights == "did":
        return equal
    noise = noise_level(worlds)
    tiny, least = (ETA * noise) ** 2, (STOP * noise) ** 2
    wide = recipe.weights == "sdid"
    usual = (_treated_cells(worlds) ** 0.25 if wide else ETA) * noise
    zeta = usual if recipe.zeta is None else np.full(len(worlds), recipe.zeta)
    solve = partial(_solved, exact=recipe.solver == "exact")
    asked = _Asked(worlds.outcomes.T, worlds.targets, worlds.fit, worlds.donors, wide)
    of_donors = solve(asked, zeta**2, least)
    if not wide:
        return _Mix(of_donors, np.zeros(worlds.fit.shape))
    later = (worlds.outcomes @ _alike(worlds.after).T).T
    return _Mix(of_donors, solve(_Asked(worlds.outcomes, later, worlds.donors, worlds.fit, True), tiny, least))


def _alike(chosen: Bools) -> Floats:
    return np.asarray(chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1))


def _treated_cells(worlds: Worlds) -> Floats:
    """Treated units times periods after, N1 T1, [B]."""
    return np.asarray(worlds.after.sum(axis=1) / (worlds.treated**2).sum(axis=1))


def noise_level(worlds: Worlds) -> Floats:
    """Standard deviation of the donors' changes from period to period before, [B] (the paper's sigma)."""
    changes = np.diff(worlds.outcomes, axis=1)
    changes = changes - changes.mean()
    both = (worlds.fit[:, 1:] & worlds.fit[:, :-1]).astype(float)
    many = worlds.donors.sum(axis=1) * both.sum(axis=1)
    sums, squares = (((worlds.donors @ c) * both).sum(axis=1) for c in (changes, changes**2))
    variance = (squares - sums**2 / np.maximum(many, 1)) / np.maximum(many - 1, 1)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


@dataclass(frozen=True, eq=False)
class _Asked:
    """Weights asked for: of columns [M, J] that come near targets [B, M] over rows [B, M], among those allowed [B, J]."""

    columns: Floats
    targets: Floats
    rows: Bools
    allowed: Bools
    constant: bool

    def apart(self, b: int) -> Floats:
        """Columns less the target of a problem, less their means where there is a constant."""
        p = self.columns[self.rows[b]][:, self.allowed[b]] - self.targets[b, self.rows[b]][:, None]
        return np.asarray(p - p.mean(axis=0) if self.constant else p)


def _solved(asked: _Asked, penalty: Floats, least: Floats, *, exact: bool) -> Floats:
    """Weights [B, J]; ``penalty`` and ``least`` are in terms of mean squares."""
    many = asked.rows.sum(axis=1)
    if exact:
        return simplex_fit(
            asked.columns, asked.targets, rows=asked.rows, allowed=asked.allowed, ridge=penalty * many,
            intercept=asked.constant,
        ).weights  # fmt: skip
    weights = np.zeros(asked.allowed.shape)
    for b, n in enumerate(many):
        weights[b, asked.allowed[b]] = frank_wolfe(asked.apart(b), float(penalty[b] * n), float(least[b] * n))
    return weights


# ---- the effect ----------------------------------------------------------------------------------------------------------


def _effect(found: Pilots, adjusted: Pilots, recipe: _Recipe, others: _Recipe) -> Effect:
    """The effect on adjusted outcomes by one recipe; questions about other worlds by another one."""
    cohorts = by_cohort(adjusted)
    mix = _mix(cohorts.worlds, recipe)
    known = None if others == recipe else _Known(cohorts.worlds, mix, others)
    counterfactual = _counterfactual(found, cohorts, mix, partial(again, recipe=recipe, known=known))
    twins = said_of_twins(found) if recipe.weights == "sc" else []
    effect = effect_of("synthetic_did", found, counterfactual, curves={}, notes=tuple(twins))
    if len(cohorts.starts) > 1:
        effect = replace(effect, by_cohort=_of_cohorts(found, counterfactual))
    said = _said_of_steps(effect, cohorts.worlds, recipe, counterfactual) if recipe.solver == "frank_wolfe" else ()
    return replace(effect, notes=(*effect.notes, *said))


def _counterfactual(found: Pilots, cohorts: Cohorts, mix: _Mix, ask: Again) -> Counterfactual:
    observed = cohorts.worlds.treated @ found.outcomes
    index = pd.Index(list(found.panel.periods), name=found.panel.period)
    weighted = mix.periods.any()
    return Counterfactual(
        periods=tuple(found.panel.periods),
        names=cohorts.names,
        sizes=cohorts.sizes,
        starts=cohorts.starts,
        fitted=cohorts.fitted,
        observed=observed,
        expected=observed - mix.gaps(cohorts.worlds),
        donors=donor_frame(found, mix.donors, cohorts.names),
        periods_weights=pd.DataFrame(mix.periods.T, index=index, columns=list(cohorts.names)) if weighted else None,
        worlds=cohorts.worlds,
        again=ask,
    )


def _of_cohorts(found: Pilots, counterfactual: Counterfactual) -> Family:
    """Mean gap of each cohort after its start."""
    gaps, starts = counterfactual.gaps, counterfactual.starts
    values = np.array([g[s:].mean() for g, s in zip(gaps, starts, strict=True)])
    labels = tuple(found.panel.periods[s] for s in starts)
    return Family("cohort", values, np.full(len(values), np.nan), None, (NO_ERROR,) * len(values), cohorts=labels)


def _said_of_steps(effect: Effect, worlds: Worlds, recipe: _Recipe, counterfactual: Counterfactual) -> tuple[str, ...]:
    """Where the effect at the optimum is another one than where the steps stop."""
    gaps = _mix(worlds, replace(recipe, solver="exact")).gaps(worlds)
    cells = counterfactual.sizes[:, None] * worlds.after
    best, mine = float((cells * gaps).sum() / cells.sum()), effect.overall.value
    if mine is None or abs(best - mine) <= AWAY * float(np.abs(counterfactual.observed).max()):
        return ()
    return (
        f"Weights are those at which the steps of R's synthdid stop, as in published work; at the optimum the effect is "
        f"{number(best)} (`solver: exact`).",
    )
