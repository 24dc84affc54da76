"""Matching: each exposed row beside its nearest others, by the propensity's logit or by the covariates themselves.

Right where all that moves both exposure and outcome is among the covariates and near neighbours exist. With replacement; all
tied neighbours count, averaged. Rows are matched within their period (or their cohort's comparison), and within ``exact``
columns. Who has no neighbour within the caliper is left out and named: the effect is then about the others.

Of an adoption design changes are compared, with a propensity of each cohort's own (small ones share slopes); of repeated
cross-sections with a start each treated row after it is matched to rows of the three other cells (the treated before, the others
before and after).

Standard errors are Abadie and Imbens': by neighbours in a row's own arm, corrected for the estimated propensity (2016) where
that is what rows are matched on; with ``bias_correction`` on the propensity, and where rows depend on each other (clusters), from
the linear form with regressions. t(G - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt

from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.balancing.logit import Bools, Logit, columns_of, fit_logit, independent
from scale_impact.core.causal.balancing.matching_estimate import (
    Match,
    Pairing,
    Rules,
    clustered_influence,
    matched_effect,
    matching_variance,
    propensity_adjustment,
)
from scale_impact.core.causal.balancing.sections import SIGNS, TREATED_AFTER, cells_of, sections
from scale_impact.core.causal.balancing.weights import Target, cluster_variance
from scale_impact.core.causal.covariates import outcome_among
from scale_impact.core.causal.cross_section import Change, CrossSection, Floats, Ints
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number, some
from scale_impact.errors import DesignError, EstimationError, UsageError
from scale_impact.estimators._adjusting import (
    Compared,
    Made,
    asked_again,
    compared,
    effect_of,
    reduced,
    scored,
    separated_cells,
)
from scale_impact.estimators._convention import listed

NAME = "propensity_matching"

EXPOSURE = True

Distance = Literal["propensity", "mahalanobis"]

CALIPER = 0.2
"""Standard deviations of the logit (Austin 2011)."""

MOST_PAIRS = 100_000
"""Pairs are listed up to so many."""


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    estimand: Literal["ATE", "ATT"] | None = None,
    distance: Distance = "propensity",
    neighbours: Annotated[int, Ge(1)] = 1,
    caliper: Annotated[float, Gt(0)] | Literal["auto"] | None = "auto",
    exact: Sequence[Column] = (),
    bias_correction: bool | None = None,
    change: Change = "mean",
) -> Effect:
    """The mean difference between rows and their nearest neighbours on the other side.

    Parameters
    ----------
    panel, design:
        The data, and who is exposed or treated when.
    covariates:
        Columns that rows are matched on.
    estimand:
        ``ATE`` everybody (default of exposures) or ``ATT`` the exposed (adoption designs).
    distance:
        ``propensity``: the logit of being exposed; ``mahalanobis``: the covariates, by their covariance.
    neighbours:
        How many, with replacement; ties all count.
    caliper:
        The farthest a neighbour may be, in standard deviations of the logit (``mahalanobis``: of the covariates, as the
        distance is). ``auto``: 0.2 for the propensity, none for mahalanobis; null: none.
    exact:
        Columns that matched rows share.
    bias_correction:
        Take away what neighbours differ in, by a regression among them. Left out: for mahalanobis yes, for the propensity no.
    change:
        Of adoption designs: the mean of the periods after, or the first.

    Raises
    ------
    EstimationError
        No overlap; nobody has a neighbour.

    Source: Abadie and Imbens (2006, 2011, 2016); Austin (2011) on the caliper; Heckman, Ichimura and Todd (1998) on changes.
    """
    _refuse_options(distance, neighbours, caliper)
    found = compared(panel, design, NAME, listed(covariates), estimand, ("ATE", "ATT"), change)
    wish = _Wish(
        distance,
        neighbours,
        _caliper(distance, caliper),
        distance == "mahalanobis" if bias_correction is None else bias_correction,
    )
    found, cells = _cells(found, listed(exact))
    if distance == "mahalanobis":
        if not found.rows.covariates.shape[1]:
            raise EstimationError(f"{NAME} with distance: mahalanobis needs covariates to be near in. Name some.")
        found = replace(found, blocks=np.zeros_like(found.blocks))  # there is no model that cohorts might differ in
    return _matched(found, wish, cells)


@dataclass(frozen=True)
class _Wish:
    """How neighbours are to be chosen."""

    distance: Distance
    k: int
    caliper: float | None
    corrected: bool


def _refuse_options(distance: str, k: int, caliper: float | str | None) -> None:
    problems = []
    if distance not in ("propensity", "mahalanobis"):
        problems.append(f"distance is {distance!r}; it has to be one of propensity, mahalanobis.")
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        problems.append(f"neighbours is {k!r}; it has to be a whole number, 1 or more.")
    if not (caliper is None or caliper == "auto" or (isinstance(caliper, (int, float)) and caliper > 0)):
        problems.append(f"caliper is {caliper!r}; it has to be a positive number, auto, or null for none.")
    if problems:
        raise UsageError(problems)


def _caliper(distance: Distance, given: float | str | None) -> float | None:
    if isinstance(given, str):
        return CALIPER if distance == "propensity" else None
    return given


def _cells(found: Compared, exact: tuple[str, ...]) -> tuple[Compared, Ints]:
    """Cells that matched rows share, [n]: group (but in cross-sections with a start) and the exact columns."""
    rows = found.rows
    if problems := outcome_among(rows._panel.outcome, exact, "exact column"):
        raise DesignError(problems)
    groups = rows.groups if rows.side is None else np.zeros(len(rows), dtype=np.int64)
    if not exact:
        return found, groups
    frame = rows.frame(exact)
    gone = frame.isna().any(axis=1).to_numpy()
    if gone.any():
        raise DesignError(
            f"{NAME}: exact columns ({some(exact)}) are missing in {rows.who(gone)}. Fill them, or leave these rows out."
        )
    keys = pd.MultiIndex.from_frame(frame.assign(group=groups))
    note = f"Matched within {some(exact)}: {counted(len(keys.unique()), 'cell')}."
    return replace(found, notes=(*found.notes, note)), pd.factorize(keys, sort=True)[0].astype(np.int64)


# ---- places and pairings ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is matched to what: rows that stay, pairings over them, the caliper in their units, and the logit."""

    kept: Bools
    pairings: tuple[Pairing, ...]
    caliper: float | None
    logit: Logit | None
    propensity: Floats | None
    notes: tuple[str, ...]


def _matched(found: Compared, wish: _Wish, cells: Ints) -> Effect:
    rows = found.rows
    arms = found.exposed.astype(np.int64) if rows.side is None else cells_of(rows)
    signs = np.array([-1.0, 1.0]) if rows.side is None else SIGNS
    plan = _planned(found, wish) if rows.side is None else _planned_sections(found, wish, arms)
    kept = plan.kept
    x = found.columns(kept) if rows.side is None else columns_of(rows.covariates[kept])[0]
    y, arms, own = rows.outcome[kept], arms[kept], cells[kept]
    rules = Rules(wish.k, plan.caliper, own, wish.corrected)
    match = matched_effect(plan.pairings, y, x, signs[arms], rules)
    if match is None:
        raise EstimationError(_nobody(plan.caliper))
    job = _Job(found, wish, plan, match, x, y, arms, signs, own)
    more = _Again(wish, found.target, x.shape[1], _n_traits(rows, kept))
    again = (
        asked_again(found, kept, more.value, x, None, own)
        if rows.side is None
        else asked_again(found, kept, more.of_sections, x, None, own * (TREATED_AFTER + 1) + arms)
    )
    weights = np.zeros(len(rows))
    weights[kept] = match.weights(arms)
    plain = wish.distance == "propensity"
    adjusted = Adjusted(rows, again, plan.propensity, weights, _pairs(job), takes_covariates=plain)
    variance, words, said = job.variance()
    notes = (*plan.notes, *job.notes(), *said)
    return effect_of(found, kept, Made(match.value, variance, job.influence(variance)), adjusted, words, notes)


def _n_traits(rows: CrossSection, kept: Bools) -> int:
    """Covariates that are no combination of others, which stand first among the columns."""
    return int(columns_of(rows.covariates[kept])[0].shape[1]) - 1


def _nobody(caliper: float | None) -> str:
    near = "" if caliper is None else f" within the caliper ({number(caliper)} on the scale of the distance)"
    return f"{NAME}: no row has a neighbour on the other side{near} in its own group and exact cell. Widen `caliper`, or name fewer `exact` columns."


def _planned(found: Compared, wish: _Wish) -> _Plan:
    rows = found.rows
    seen = scored(found) if wish.distance == "propensity" else None
    kept = np.ones(len(rows), dtype=bool) if seen is None else seen.kept
    d = found.exposed[kept]
    if seen is None:
        places, reach = _mahalanobis(rows.covariates), wish.caliper
        propensity = None
    else:
        places, reach = seen.logit.logits[:, None], _in_logits(seen.logit.logits, d, wish.caliper)
        propensity = seen.propensity
    pairings = _two_sides(places, d, found.target)
    return _Plan(
        kept, pairings, reach, None if seen is None else seen.logit, propensity, () if seen is None else seen.notes
    )


def _two_sides(places: Floats, d: Bools, target: Target) -> tuple[Pairing, ...]:
    own, others = np.flatnonzero(d), np.flatnonzero(~d)
    first = Pairing(own, others, -1.0, places)
    return (first,) if target == "ATT" else (first, Pairing(others, own, 1.0, places))


def _in_logits(logits: Floats, d: Bools, caliper: float | None) -> float | None:
    """A caliper in standard deviations of the logit: the root of the mean of both sides' variances."""
    if caliper is None:
        return None
    spread = [float(logits[rows].var(ddof=1)) if rows.sum() > 1 else 0.0 for rows in (d, ~d)]
    both = float(np.sqrt(np.mean(spread)))
    return caliper * both if both > 0 else None


def _mahalanobis(covariates: Floats) -> Floats:
    """Places between which the plain distance is Mahalanobis'."""
    z = covariates - covariates.mean(axis=0)
    spread = z.std(axis=0)
    z = z[:, independent(np.column_stack([np.ones(len(z)), z / np.where(spread > 0, spread, 1.0)]))[1:] - 1]
    root = np.linalg.cholesky(np.linalg.inv(z.T @ z / (len(z) - 1)))
    return np.asarray(z @ root)


def _planned_sections(found: Compared, wish: _Wish, arms: Ints) -> _Plan:
    rows = found.rows
    kept, top = np.ones(len(rows), dtype=bool), np.flatnonzero(arms == TREATED_AFTER)
    if wish.distance == "mahalanobis":
        places = _mahalanobis(rows.covariates)
        return _Plan(kept, _three(top, arms, [places] * TREATED_AFTER), wish.caliper, None, None, ())
    each = []
    for s in sections(rows.covariates, arms):
        separated_cells(found, s.cell, s.logit)
        each.append(_spread(s.logit, s.members, s.pool, len(rows)))
    note = "That the propensities are estimated is not in the standard error (it may go either way for the treated)."
    return _Plan(kept, _three(top, arms, each), wish.caliper, None, None, (note,))


def _spread(logit: Logit, members: Ints, pool: Bools, n: int) -> Floats:
    """Logits of some of n rows, in their own standard deviations."""
    one = _in_logits(logit.logits, ~pool, 1.0) or 1.0
    places = np.zeros((n, 1))
    places[members, 0] = logit.logits / one
    return places


def _three(top: Ints, arms: Ints, places: list[Floats]) -> tuple[Pairing, ...]:
    return tuple(Pairing(top, np.flatnonzero(arms == c), float(SIGNS[c]), places[c]) for c in range(TREATED_AFTER))


# ---- errors and words ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Job:
    """A match with what its errors need: columns, outcomes, arms and their signs, cells; of the rows that stay."""

    found: Compared
    wish: _Wish
    plan: _Plan
    match: Match
    x: Floats
    y: Floats
    arms: Ints
    signs: Floats
    cells: Ints

    def variance(self) -> tuple[float, str, list[str]]:
        """The variance, how it was made, and what to know of it."""
        depend = self.found.rows.take(self.plan.kept).n_clusters < len(self.y)
        known = self.plan.logit is None or self.wish.corrected
        if depend or (self.wish.corrected and self.wish.distance == "propensity"):
            return self._linear(known)
        plain = matching_variance(self.match, self.plan.pairings, self.y, self.cells)
        return self._adjusted(plain, "Abadie and Imbens") if not known else (plain, "Abadie and Imbens", [])

    def linear(self) -> Floats:
        """What each row adds, by regressions on what rows were matched on, or on the covariates where these were taken away."""
        logit = self.plan.logit
        known = logit is None or self.wish.corrected
        columns = self.x if known or logit is None else columns_of(np.column_stack([logit.logits, logit.logits**2]))[0]
        return clustered_influence(self.match, self.y, columns, self.arms, self.signs)

    def influence(self, variance: float) -> Floats:
        """The same, so that it sums to a variance."""
        each = self.linear()
        mine = cluster_variance(each, self.found.rows.clusters[self.plan.kept])
        return each * np.sqrt(variance / mine) if mine > 0 and variance > 0 else each

    def _linear(self, known: bool) -> tuple[float, str, list[str]]:
        plain = cluster_variance(self.linear(), self.found.rows.clusters[self.plan.kept])
        words = "linear form of matching (Otsu and Rai)"
        return (plain, words, []) if known else self._adjusted(plain, words)

    def _adjusted(self, plain: float, words: str) -> tuple[float, str, list[str]]:
        """With what the estimated propensity adds; where that leaves nothing, without."""
        assert self.plan.logit is not None
        more = propensity_adjustment(self.match, self.plan.logit, self.y, self.arms == 1, self.cells, self.found.target)
        if plain + more > 0:
            return plain + more, f"{words}, the propensity estimated", []
        return (
            plain,
            words,
            ["The correction for the estimated propensity leaves no variance; the standard error is without it."],
        )

    def notes(self) -> list[str]:
        """Whom the effect leaves out."""
        asked = np.unique(np.concatenate([p.targets for p in self.plan.pairings]))
        gone = np.zeros(len(self.found.rows), dtype=bool)
        gone[np.flatnonzero(self.plan.kept)[asked]] = True
        gone[np.flatnonzero(self.plan.kept)[self.match.matched]] = False
        reach = self.plan.caliper
        near = "in their group and exact cell" if reach is None else f"within the caliper of {number(reach)}"
        said = (
            []
            if not gone.any()
            else [
                f"{self.found.rows.who(gone)} of {len(asked):,} have no neighbour {near} and are left out: the effect is about the others."
            ]
        )
        return [*said, _most_used(self)]


def _most_used(job: _Job) -> str:
    rows, used = np.flatnonzero(job.plan.kept), job.match.used
    top = int(used.argmax())
    return (
        f"{counted(job.match.n, 'row')} matched to {counted(int((used > 0).sum()), 'other')}; most used is "
        f"{job.found.rows.labels[rows[top]]}, {number(float(used[top]))} times."
    )


def _pairs(job: _Job) -> pd.DataFrame | None:
    """The pairs by row number; None where they are very many."""
    rows, parts = np.flatnonzero(job.plan.kept), []
    for p, near in zip(job.plan.pairings, job.match.near, strict=True):
        found = near.pairs(MOST_PAIRS)
        if found is None:
            return None
        own, other = rows[p.targets[found[0]]], rows[p.sources[found[1]]]
        swapped = p.sign > 0 and job.found.rows.side is None
        treated, control = (other, own) if swapped else (own, other)
        parts.append(pd.DataFrame({"treated": treated, "control": control, "distance": found[2]}))
    return pd.concat(parts, ignore_index=True)


# ---- other versions of the data ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Again:
    """The same matching of other rows: ``x`` has a constant, ``n_traits`` covariates, dummies of groups, and one more or none."""

    wish: _Wish
    target: Target
    n_columns: int
    n_traits: int

    def value(self, x: Floats, y: Floats, d: Bools, cells: Ints, start: Floats | None) -> float:
        """The effect; NaN where there is no overlap or nobody has a neighbour."""
        columns = reduced(x, None)[0]
        if self.wish.distance == "mahalanobis":
            traits = np.column_stack([x[:, 1 : 1 + self.n_traits], x[:, self.n_columns :]])
            places, reach = _mahalanobis(traits), self.wish.caliper
        else:
            logit = fit_logit(columns, d)
            if logit.apart.any():
                return float("nan")
            places, reach = logit.logits[:, None], _in_logits(logit.logits, d, self.wish.caliper)
        pairings = _two_sides(places, d, self.target)
        found = matched_effect(
            pairings, y, columns, np.where(d, 1.0, -1.0), Rules(self.wish.k, reach, cells, self.wish.corrected)
        )
        return float("nan") if found is None else found.value

    def of_sections(self, x: Floats, y: Floats, d: Bools, both: Ints, start: Floats | None) -> float:
        """The same in repeated cross-sections; ``both`` is 4 times the exact cell plus the position among the four."""
        arms, cells = both % (TREATED_AFTER + 1), both // (TREATED_AFTER + 1)
        if len(np.unique(arms)) <= TREATED_AFTER:
            return float("nan")
        top = np.flatnonzero(arms == TREATED_AFTER)
        if self.wish.distance == "mahalanobis":
            places = [_mahalanobis(x[:, 1:])] * TREATED_AFTER
        else:
            parts = sections(x[:, 1:], arms)
            if any(s.logit.apart.any() for s in parts):
                return float("nan")
            places = [_spread(s.logit, s.members, s.pool, len(y)) for s in parts]
        rules = Rules(self.wish.k, self.wish.caliper, cells, self.wish.corrected)
        found = matched_effect(_three(top, arms, places), y, reduced(x, None)[0], SIGNS[arms], rules)
        return float("nan") if found is None else found.value
