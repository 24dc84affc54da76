"""Conformal inference: is the time after the start unlike the time before, once a supposed effect is taken away?

Under a null value the effect is taken away from the treated periods; what is left is an untreated path, so that the
counterfactual is fitted on all periods. Its residuals are moved around in time: if those of the treated periods are larger than
nearly all other arrangements', the value is rejected. Needs no second treated unit and few donors, but periods: with n of them
no p-value is below 1 in n. Exact where errors are exchangeable over time (``iid``); with moving blocks about right where they
are stationary and depend weakly on their past.

The interval holds the values that are not rejected, found on a grid and then by bisection; for the overall effect the same
effect in each treated period is supposed, for one period only that period is joined to those before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.simplex import simplex_fit
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.parts import cells_of, said_of_no_mean
from scale_impact.core.synthetic.placebos import Positions, ask, real_gaps
from scale_impact.core.synthetic.worlds import Again, Bools, Floats, Worlds
from scale_impact.core.targets import Target
from scale_impact.core.words import counted, number, some
from scale_impact.errors import DesignError, EstimationError
from scale_impact.inference._inversion import kept

Refit = Callable[[Panel, Design], Effect]
Moves = Literal["moving_block", "iid"]

NEEDS_COUNTERFACTUAL = True
"""For effects that say what would have been."""

TIES = 1e-9
"""Statistics that differ by less than this share are equal."""

NEAR, FARTHEST = 32.0, 8_192.0
"""How far around the estimate the grid reaches at first, and at last, in standard deviations of the gaps before."""

HALVINGS = 24
"""Of a step of the grid, for each end."""


def judge(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    *,
    seed: int = 20251122,
    draws: Count = 9_999,
    permutations: Moves = "moving_block",
    q: Annotated[float, Ge(1)] = 1.0,
    grid: Annotated[int, Ge(20)] = 1_000,
    level: Share = 0.95,
) -> list[Conformal | None]:
    """Judge estimates by conformal inference.

    Parameters
    ----------
    panel, design, refit, effect:
        The data, the design, the estimator and what it found.
    targets:
        The estimates to judge, ``overall`` first (``core.targets.targets_of``).
    seed, draws:
        Of ``iid``: permutations drawn; each choice of periods once where there are no more than these.
    permutations:
        ``moving_block``: the residuals are shifted around a circle; ``iid``: they change places freely.
    q:
        The statistic is the sum of the absolute residuals of the treated periods to the power of q.
    grid:
        Values looked at for the interval of the overall effect; a fifth of it for each other number.
    level:
        For which the words say whether the values not rejected are one interval.

    Returns
    -------
    One judgement a target; None where periods were fitted on or do not fit together, and where it is no mean gap.

    Raises
    ------
    DesignError, EstimationError
        No counterfactual; one that weights periods or cannot be asked again; several dates with anticipation; an overall effect
        that is no mean gap.

    Source: Chernozhukov, Wuethrich and Zhu (2021), sections 2.2 and 2.3, algorithm 1 for single periods.
    """
    found = _able(effect)
    asked = _Asked(seed, draws, permutations, q)
    again, how = (_outcomes_alone, OUTCOMES) if found.predictors is not None else (found.again, "")
    assert again is not None
    cells = [cells_of(effect, found, t, panel) for t in targets]
    if targets[0].place == "overall" and cells[0] is None:
        raise EstimationError(said_of_no_mean("conformal", effect))
    judged = [
        None if c is None else _judged(t, found, c, again, asked, grid if t.place == "overall" else max(grid // 5, 20))
        for t, c in zip(targets, cells, strict=True)
    ]
    if targets[0].place == "overall" and judged[0] is None:
        raise DesignError(APART)
    return [None if j is None else replace(j, said=j.said + how, level=level) for j in judged]


APART = (
    "conformal: units start at different dates and may anticipate them, so that their periods do not fit together. Judge one "
    "date at a time, or use `inference: placebo`."
)
OUTCOMES = "; fitted on outcomes alone, because predictors do not change with the null"


def _able(effect: Effect) -> Counterfactual:
    """The counterfactual, if it can be asked again with all periods."""
    found = effect.counterfactual
    if found is None:
        raise EstimationError(
            f"conformal needs an estimator that says what would have been; {effect.estimator} does not. Use "
            "`inference: randomisation`, or an estimator such as synthetic_control."
        )
    if found.periods_weights is not None:
        raise DesignError(
            f"conformal fits all periods under the null, and {effect.estimator} weights the periods before. Use `inference: "
            "placebo`, or demeaned_synthetic_control."
        )
    if found.worlds is None or found.again is None:
        raise DesignError(f"conformal: {effect.estimator} cannot be asked again quickly. Use `inference: placebo`.")
    return found


def _outcomes_alone(worlds: Worlds) -> Floats:
    """Gaps of a synthetic control on outcomes."""
    fit = simplex_fit(worlds.outcomes.T, worlds.targets, rows=worlds.fit, allowed=worlds.donors)
    return np.asarray(worlds.targets - fit.weights @ worlds.outcomes)


@dataclass(frozen=True)
class _Asked:
    """The options."""

    seed: int
    draws: int
    permutations: Moves
    q: float


def _judged(
    target: Target, found: Counterfactual, cells: Bools, again: Again, asked: _Asked, grid: int
) -> Conformal | None:
    """The test of one number; None where its periods were fitted on, or do not fit together."""
    real = real_gaps(found)
    rows = np.flatnonzero(cells.any(axis=1))
    used = (real.fit | cells)[rows]
    if (cells & real.fit).any() or (used != used[0]).any():
        return None
    assert found.worlds is not None
    worlds = replace(found.worlds.take(rows), fit=used, after=cells[rows])
    one = bool((cells[rows] == cells[rows[0]]).all())
    where = cells[rows][:, used[0]]
    moved = _moves(where[:1] if one else where, asked)
    before = real.values[0][rows][real.fit[rows]]
    scale = float(np.sqrt(np.mean(before**2))) or float(np.abs(real.values[0][rows]).max()) or 1.0
    return Conformal(
        target.value, scale, worlds, again, real.sizes[rows], one, moved, asked.q, grid, _said(moved, asked)
    )


def _said(moved: _Moved, asked: _Asked) -> str:
    n, many = moved.places.shape[2], moved.places.shape[1]
    how = f"{counted(many, 'moving block')}" if asked.permutations == "moving_block" else f"{many:,} permutations"
    drawn = f", seed {asked.seed}" if moved.drawn else ""
    return (
        f"p-value and interval by conformal inference: counterfactual fitted on all {n} periods with the supposed effect taken "
        f"away; {how} of the residuals{drawn}, q = {asked.q:g}"
    )


# ---- arrangements of the residuals ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Moved:
    """Which residuals stand in the treated periods: ``places`` [U, P, n], 0/1; the first is the one observed.

    ``drawn``: these are random ones, and the one observed is counted with them.
    """

    places: Floats
    drawn: bool


def _moves(where: Bools, asked: _Asked) -> _Moved:
    """Arrangements of n periods, given the treated ones of each series, [U, n]."""
    n = where.shape[1]
    if asked.permutations == "moving_block":
        return _Moved(np.array([[np.roll(row, j) for j in range(n)] for row in where], dtype=float), drawn=False)
    many = int(where[0].sum())
    if len(where) == 1 and math.comb(n, many) <= asked.draws:
        return _Moved(np.array([_choices(where[0])], dtype=float), drawn=False)
    rng = np.random.default_rng(asked.seed)
    orders = [np.arange(n), *(rng.permutation(n) for _ in range(asked.draws))]
    return _Moved(np.array([[row[o] for o in orders] for row in where], dtype=float), drawn=True)


def _choices(where: Bools) -> list[Bools]:
    """Each choice of as many periods as are treated, the one observed first."""
    every = [np.isin(np.arange(len(where)), c) for c in combinations(range(len(where)), int(where.sum()))]
    return [where, *(c for c in every if (c != where).any())]


# ---- the judgement -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Conformal:
    """P-values of any null values, from counterfactuals fitted under each.

    Attributes
    ----------
    value:
        The estimate.
    scale:
        Size of the gaps before, in which values are looked for.
    worlds, again:
        The question with all its periods, one row a treated unit, and what answers it.
    sizes:
        How many units each row is.
    one:
        All units start together: their mean residual is judged.
    moved:
        Arrangements of the residuals.
    q, grid:
        As asked.
    said:
        What was done, in words.
    level:
        For which the words say what the values not rejected look like.
    """

    value: float
    scale: float
    worlds: Worlds
    again: Again
    sizes: Floats
    one: bool
    moved: _Moved
    q: float
    grid: int
    said: str
    level: float = 0.95
    std_error: float | None = None
    df: float | None = None
    _known: dict[float, tuple[tuple[float, float], ...]] = field(default_factory=dict, repr=False)

    @cached_property
    def p_value(self) -> float | None:
        """P-value of no effect in any of its periods."""
        return float(self.p_of(np.zeros(1))[0])

    def p_of(self, nulls: Floats) -> Floats:
        """P-values of constant effects, [B]."""
        powers = np.abs(self._residuals(nulls)) ** self.q
        sums = np.einsum("bun,upn->bp", powers, self.moved.places, optimize=True)
        ahead = (sums >= sums[:, :1] * (1 - TIES)).sum(axis=1)
        return np.asarray(ahead / sums.shape[1])

    def _residuals(self, nulls: Floats) -> Floats:
        """Residuals of the periods used under each null, [B, series, n]; weighted by the units' number."""
        b, u = len(nulls), len(self.worlds)
        rows = self.worlds.take(np.tile(np.arange(u), b))
        shift = np.repeat(nulls, u)[:, None] * rows.after
        shift = shift if rows.shift is None else rows.shift + shift
        gaps = ask(self.again, replace(rows, shift=shift))[:, self.worlds.fit[0]].reshape(b, u, -1)
        if not np.isfinite(gaps).all():
            raise EstimationError(
                "conformal: without an effect there is no counterfactual for some period. Use `inference: placebo`."
            )
        weights = self.sizes / self.sizes.sum()
        if self.one:
            return np.asarray(np.einsum("bun,u->bn", gaps, weights)[:, None])
        return np.asarray(gaps * weights[:, None] ** (1 / self.q))

    def interval(self, level: float) -> tuple[float, float] | None:
        """From the least to the largest value that is not rejected; None where each is; ends may be infinite."""
        pieces = self.pieces(level)
        return (pieces[0][0], pieces[-1][1]) if pieces else None

    def pieces(self, level: float) -> tuple[tuple[float, float], ...]:
        """The intervals of values that are not rejected, in increasing order."""
        if level not in self._known:
            self._known[level] = tuple(self._searched(1 - level))
        return self._known[level]

    def _searched(self, alpha: float) -> Iterator[tuple[float, float]]:
        points, inside = self._looked_at(alpha)
        starts = np.flatnonzero(inside & ~np.append(False, inside[:-1]))
        ends = np.flatnonzero(inside & ~np.append(inside[1:], False))
        low = self._ends(points, starts, -1, alpha)
        yield from zip(low, self._ends(points, ends, +1, alpha), strict=True)

    def _kept(self, nulls: Floats, alpha: float) -> Bools:
        return np.array([kept(float(p), alpha) for p in self.p_of(nulls)], dtype=bool)

    def _looked_at(self, alpha: float) -> tuple[Floats, Bools]:
        """A grid around the estimate and which of its values are kept; its range is doubled while its outer half holds one.

        Values that are kept need not lie together, nor at the estimate: where the effect changes over time the test may reject
        that and keep others.
        """
        size = max(self.scale, abs(self.value))
        reach = max(NEAR * self.scale, 2 * abs(self.value))
        points = np.union1d(np.linspace(self.value - reach, self.value + reach, self.grid), [self.value])
        inside = self._kept(points, alpha)
        while inside[np.abs(points - self.value) > reach / 2].any() and reach < FARTHEST * size:
            shell = reach * np.linspace(1, 2, self.grid // 4 + 1)[1:]
            below, above = self.value - shell[::-1], self.value + shell
            kept_now = self._kept(np.concatenate([below, above]), alpha)
            points = np.concatenate([below, points, above])
            inside = np.concatenate([kept_now[: len(below)], inside, kept_now[len(below) :]])
            reach *= 2
        return points, inside

    def _ends(self, points: Floats, at: Positions, side: int, alpha: float) -> list[float]:
        """Ends of pieces, halved between a value kept and its neighbour; infinite at an end of the grid."""
        edge = 0 if side < 0 else len(points) - 1
        known = at[at != edge]
        inside, outside = points[known], points[known + side]
        for _ in range(HALVINGS if len(known) else 0):
            middle = 0.5 * (inside + outside)
            keeps = self._kept(middle, alpha)
            inside, outside = np.where(keeps, middle, inside), np.where(keeps, outside, middle)
        found = dict(zip(known.tolist(), (0.5 * (inside + outside)).tolist(), strict=True))
        return [found.get(int(k), side * math.inf) for k in at]

    @property
    def words(self) -> str:
        """The method, as it stands in results."""
        pieces = self.pieces(self.level)
        said = f"{self.said}; interval by inversion on {self.grid:,} values, ends by bisection"
        if not pieces:
            return f"{said}; at {_percent(self.level)} each constant effect looked at is rejected: it changes over time"
        if len(pieces) > 1:
            each = some([f"{number(low)} to {number(high)}" for low, high in pieces])
            said += f"; at {_percent(self.level)} the values not rejected are no interval ({each}): from the first to the last"
        if np.isinf(pieces).any():
            least = 1 / self.moved.places.shape[1]
            said += f"; at {_percent(self.level)} no value is rejected on {_sides(pieces)} (no p-value is below {number(least)})"
        return said


def _percent(level: float) -> str:
    return f"{100 * level:g} %"


def _sides(pieces: tuple[tuple[float, float], ...]) -> str:
    open_ends = np.isinf([pieces[0][0], pieces[-1][1]])
    return "either side" if open_ends.all() else "one side"
