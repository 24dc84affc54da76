"""Factors of the controls, and what they say of the treated: the generalized synthetic control.

    y_it = x_it' beta + a_i + d_t + loadings_i' factors_t + error

The controls tell beta, the period effects and the factors (principal components); the periods before the measure tell each
treated unit's own effect and loadings, by least squares. Leaving out each of these periods in turn is free: the error of
predicting it is its residual over one minus its leverage.

Source: Xu (2017), section 3, algorithm 1; Bai (2009), equations 11 and 12, for beta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.core.synthetic.low_rank import Force, effects, simplest
from scale_impact.core.synthetic.worlds import Bools, Floats, Worlds
from scale_impact.errors import EstimationError

MOST_STEPS = 20_000
SETTLED = 1e-10
"""Change of the part that covariates explain, relative to the outcomes' size, at which beta counts as found."""

EXACT = 1e-12
"""Errors of the outcomes' size times this are none."""

NOTHING_LEFT = 1e-9
"""Leverages closer to one leave nothing of a period to be predicted by the others."""


@dataclass(frozen=True, eq=False)
class Common:
    """What controls say of everyone.

    Attributes
    ----------
    slopes:
        [K], of the covariates.
    periods:
        [T], period effects.
    factors:
        [T, r], orthonormal.
    """

    slopes: Floats
    periods: Floats
    factors: Floats

    def explain(self, targets: Floats, covariates: Floats, fit: Bools, force: Force) -> tuple[Floats, Floats]:
        """Gaps of paths [B, T] with covariates [K, B, T], and errors of predicting each period of ``fit`` by the others.

        Both are NaN throughout where there are too few periods.
        """
        rest = targets - np.tensordot(self.slopes, covariates, 1) - self.periods
        constant = np.ones((len(fit), int(force in ("two-way", "unit"))))
        columns = np.hstack([constant, self.factors])
        if fit.sum() <= columns.shape[1]:
            return np.full(rest.shape, np.nan), np.full((len(rest), int(fit.sum())), np.nan)
        solve = np.linalg.pinv(columns[fit])
        gaps = rest - (rest[:, fit] @ solve.T) @ columns.T
        left = 1 - np.einsum("tk,kt->t", columns[fit], solve)
        return gaps, gaps[:, fit] / np.where(left > NOTHING_LEFT, left, np.nan)


def common(outcomes: Floats, covariates: Floats, ranks: Sequence[int], force: Force) -> list[Common]:
    """Slopes, period effects and factors of controls [J, T] with covariates [K, J, T], for each number of factors.

    There are fewer factors where the outcomes do not have so many.
    """
    rest = _less_effects(outcomes, force)
    tiny = np.finfo(float).eps * max(outcomes.shape) * float(np.linalg.norm(outcomes))
    if not len(covariates):
        factors, singular = _principal(rest, max(ranks))
        periods = _periods(outcomes, force)
        return [Common(np.zeros(0), periods, factors[:, :r][:, singular[:r] > tiny]) for r in ranks]
    moving = np.stack([_less_effects(x, force) for x in covariates])
    return [_with_covariates(outcomes, covariates, rest, moving, rank, force) for rank in ranks]


def _with_covariates(
    outcomes: Floats, covariates: Floats, rest: Floats, moving: Floats, rank: int, force: Force
) -> Common:
    """The same with slopes; ``rest`` and ``moving`` are outcomes and covariates without their means."""
    slopes = _slopes(rest, moving, rank)
    clean = outcomes - np.tensordot(slopes, covariates, 1)
    factors, singular = _principal(rest - np.tensordot(slopes, moving, 1), rank)
    tiny = np.finfo(float).eps * max(outcomes.shape) * float(np.linalg.norm(outcomes))
    return Common(slopes, _periods(clean, force), factors[:, singular > tiny])


def _periods(outcomes: Floats, force: Force) -> Floats:
    """Period effects, [T], each with the overall level."""
    return np.asarray(outcomes.mean(axis=0) if force in ("two-way", "time") else np.zeros(outcomes.shape[1]))


def _less_effects(table: Floats, force: Force) -> Floats:
    """A table [J, T] without its unit and period means."""
    return np.asarray(table - effects(table[None], np.ones((1, len(table)), dtype=bool), force)[0])


def _principal(rest: Floats, rank: int) -> tuple[Floats, Floats]:
    """The first factors, [T, r], and their singular values, [r]."""
    _, singular, across = np.linalg.svd(rest, full_matrices=False)
    return across[:rank].T, singular[:rank]


def _slopes(rest: Floats, moving: Floats, rank: int) -> Floats:
    """Least squares together with the factors: slopes given factors, factors given slopes, in turn, until they stay.

    Raises
    ------
    EstimationError
        They do not settle.

    Source: Bai (2009), equations 11 and 12, from least squares without factors.
    """
    columns = moving.reshape(len(moving), -1).T
    solve = np.linalg.pinv(columns)
    slopes = np.asarray(solve @ rest.ravel())
    for _ in range(MOST_STEPS if rank else 0):
        clean = rest - np.tensordot(slopes, moving, 1)
        factors, _ = _principal(clean, rank)
        new = np.asarray(solve @ (rest - (clean @ factors) @ factors.T).ravel())
        moved = np.linalg.norm(columns @ (new - slopes))
        slopes = new
        if moved <= SETTLED * np.linalg.norm(rest):
            return slopes
    if rank:
        raise EstimationError(
            f"interactive_fixed_effects: the covariates' slopes did not settle with {rank} factors in {MOST_STEPS:,} steps: "
            "covariates and factors can hardly be told apart. Use fewer factors or fewer covariates."
        )
    return slopes


@dataclass(frozen=True, eq=False)
class Answer:
    """Gaps [B, T] of questions; which number of factors they rest on, [B]; and errors of leaving periods out, [R, B].

    Errors are root mean squares, one row a number of factors tried.
    """

    gaps: Floats
    ranks: Floats
    errors: Floats


def answer(worlds: Worlds, covariates: Floats, ranks: Sequence[int], force: Force, *, pooled: bool = False) -> Answer:
    """Gaps of questions, with the number of factors that predicts left-out periods best.

    Parameters
    ----------
    worlds:
        Questions about units that were observed in each period.
    covariates:
        [K, N', T'], of all the units that ``worlds.units`` counts.
    ranks:
        Numbers of factors to try, rising.
    force:
        Effects beside the factors.
    pooled:
        One number of factors for all questions together, as for several treated units of a study.

    Source: Xu (2017), algorithm 1 for the number of factors.
    """
    x = covariates[:, worlds.units, : worlds.outcomes.shape[1]]
    all_gaps = np.full((len(ranks), *worlds.fit.shape), np.nan)
    squares = np.full((len(ranks), len(worlds)), np.nan)
    for rows in _alike(worlds):
        donors, fit = worlds.donors[rows[0]], worlds.fit[rows[0]]
        if not donors.any():
            continue
        theirs = np.einsum("bn,knt->kbt", worlds.treated[rows], x)
        for r, found in enumerate(common(worlds.outcomes[donors], x[:, donors], ranks, force)):
            all_gaps[r, rows], errors = found.explain(worlds.targets[rows], theirs, fit, force)
            squares[r, rows] = _mean_squares(errors, worlds.targets[rows])
    chosen = _best(squares, worlds.fit.sum(axis=1), pooled)
    return Answer(all_gaps[chosen, np.arange(len(worlds))], np.array(ranks)[chosen], np.sqrt(squares))


def _mean_squares(errors: Floats, targets: Floats) -> Floats:
    """Mean squared errors, [B]; zero where they are rounding errors."""
    found = (errors**2).mean(axis=1)
    return np.asarray(np.where(found <= EXACT**2 * (targets**2).mean(axis=1), 0.0, found))


def _alike(worlds: Worlds) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Rows that share donors and periods fitted on: one set of factors serves them."""
    groups: dict[tuple[bytes, bytes], list[int]] = {}
    for row in range(len(worlds)):
        groups.setdefault((worlds.donors[row].tobytes(), worlds.fit[row].tobytes()), []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in groups.values()]


def _best(squares: Floats, periods: Floats, pooled: bool) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Position of the best number of factors of each question, [B]; the first where none can be judged."""
    if pooled:
        squares = np.repeat((squares * periods).sum(axis=1, keepdims=True), len(periods), axis=1)
    known = np.where(np.isnan(squares), np.inf, squares)
    return np.array([simplest(column) if np.isfinite(column).any() else 0 for column in known.T], dtype=np.int64)
