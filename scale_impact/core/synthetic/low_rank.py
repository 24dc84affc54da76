"""Tables of outcomes with cells that are not there, filled by unit effects, period effects and a matrix of low rank.

    minimise  1/2 sum over seen cells (y_it - a_i - d_t - L_it)^2 + threshold ||L||_*

||L||_* is the sum of L's singular values. With all cells at hand the answer is a formula: a and d are the means, and L is what
is left with its singular values shrunk by the threshold. What is looked for are therefore the cells that are not there: at
the solution each equals its own fit. As a function of them the objective is convex and smooth, with slope "cell minus fit";
the steps x <- fit(x) lower it each time, and Anderson's mixing of the last steps makes them several times fewer. Many tables
are filled at once.

A fixed number of factors (``Shrink.rank``) in place of the threshold is the same iteration, known as EM; its objective is
not convex.

Source: Athey, Bayati, Doudchenko, Imbens and Khosravi (2021), equations 4.3 to 4.6; Mazumder, Hastie and Tibshirani (2010),
algorithm 1; Gobillon and Magnac (2016), section 3, for a fixed number; Walker and Ni (2011) for the mixing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.synthetic.worlds import Bools, Floats, Worlds
from scale_impact.errors import EstimationError

Positions = NDArray[np.int64]
Force = Literal["two-way", "unit", "time", "none"]

TOLERANCE = 1e-9
"""Cells minus fits, relative to the outcomes' standard deviation, at which a table counts as filled."""

MOST_STEPS = 20_000
MOST_RANK_STEPS = 300
"""With a number of factors it takes some ten steps, or the least squares have no end: a factor may serve a single unit's few
seen cells, and what it says of the missing ones grows and grows."""

MEMORY = 6
"""Steps that are mixed."""

AT_ONCE = 1 << 19
"""Cells of the tables that are worked on together: they stay in the processor's cache, and memory stays bounded."""


@dataclass(frozen=True, eq=False)
class Tables:
    """B tables of R units over T periods.

    Attributes
    ----------
    values:
        [B, R, T]; 0 where not seen.
    seen:
        [B, R, T], the cells that are known.
    present:
        [B, R], the units that the table has at all.
    """

    values: Floats
    seen: Bools
    present: Bools

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Any) -> Tables:
        """Some of the tables."""
        return Tables(self.values[rows], self.seen[rows], self.present[rows])

    def without(self, held: Bools) -> Tables:
        """The tables without some cells, [B, R, T]."""
        return replace(self, values=np.where(held, 0.0, self.values), seen=self.seen & ~held)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells seen in each table, [B]."""
        return np.asarray(self.seen.sum(axis=(1, 2)))


@dataclass(frozen=True, eq=False)
class Shrink:
    """What becomes of singular values: less a threshold each, [B] (``inf``: no matrix of low rank), or the first few kept."""

    thresholds: Floats | None = None
    rank: int | None = None

    def take(self, rows: Any) -> Shrink:
        """Those of some tables."""
        return self if self.thresholds is None else replace(self, thresholds=self.thresholds[rows])

    @property
    def nothing(self) -> bool:
        """Whether unit and period effects are all."""
        return self.rank == 0 or (self.thresholds is not None and bool(np.isinf(self.thresholds).all()))

    def shares(self, singular: Floats) -> Floats:
        """What is left of each singular value, as a share of it; values [B, K] in rising order."""
        if self.rank is not None:
            kept = np.arange(singular.shape[1]) >= singular.shape[1] - self.rank
            return np.broadcast_to(kept.astype(float), singular.shape)
        assert self.thresholds is not None
        least = np.where(singular > 0, singular, 1.0)
        return np.where(singular > self.thresholds[:, None], 1 - self.thresholds[:, None] / least, 0.0)

    def objective(self, singular: Floats, shares: Floats) -> Floats:
        """Half the squares left over, and the thresholds times what is kept, [B]."""
        lost = ((singular * (1 - shares)) ** 2).sum(axis=1) / 2
        if self.thresholds is None:
            return np.asarray(lost)
        kept = (singular * shares).sum(axis=1)
        return np.asarray(lost + np.where(kept > 0, self.thresholds, 0.0) * kept)


@dataclass(frozen=True, eq=False)
class Filled:
    """Tables with each cell.

    Attributes
    ----------
    cells:
        [B, R, T], outcomes where seen, what was filled in elsewhere.
    fitted:
        [B, R, T], effects and matrix of low rank in all cells.
    rank:
        [B], factors in the matrix of low rank.
    residual:
        [B], largest difference between a filled cell and its fit, relative to the outcomes' standard deviation:
        the optimality condition that is not met by construction.
    """

    cells: Floats
    fitted: Floats
    rank: NDArray[np.int64]
    residual: Floats


# ---- the tables of questions --------------------------------------------------------------------------------------------


def tables_of(worlds: Worlds, ends: Positions) -> Tables:
    """The table of each question: first the target in the periods fitted on, then all units, [B, 1 + N, T].

    Donors are seen as they were observed. Where the target is of the treated units, the others of them are in the
    table until treatment begins: ``ends`` [U], the first period not fitted on of the treated units, the first of all.
    """
    b, (n, t) = len(worlds), worlds.outcomes.shape
    here = ~np.isnan(worlds.outcomes)
    pilots = worlds.units < len(ends)
    own = np.asarray((worlds.treated[:, pilots] > 0).any(axis=1))
    beside = own[:, None] & pilots & (worlds.treated == 0) & ~worlds.donors
    until = np.where(pilots, ends[np.where(pilots, worlds.units, 0)], t)
    targets = worlds.targets
    seen = np.zeros((b, 1 + n, t), dtype=bool)
    seen[:, 0] = worlds.fit & ~np.isnan(targets)
    seen[:, 1:] = here & (worlds.donors[:, :, None] | (beside[:, :, None] & (np.arange(t) < until[:, None])))
    values = np.concatenate([targets[:, None], np.broadcast_to(worlds.outcomes, (b, n, t))], axis=1)
    present = np.concatenate([np.ones((b, 1), dtype=bool), seen[:, 1:].any(axis=2)], axis=1)
    return Tables(np.where(seen, values, 0.0), seen, present)


def slabs(count: int, cells: int) -> Iterator[Positions]:
    """Rows of ``count`` tables with so many cells each, some at a time."""
    step = max(AT_ONCE // max(cells, 1), 1)
    return (np.arange(k, min(k + step, count)) for k in range(0, count, step))


# ---- filling ------------------------------------------------------------------------------------------------------------


def effects(cells: Floats, present: Bools, force: Force) -> Floats:
    """Unit and period effects of full tables, [B, R, T] (least squares: means)."""
    if force == "none":
        return np.zeros_like(cells)
    rows = cells.mean(axis=2, keepdims=True)
    if force == "unit":
        return np.broadcast_to(rows, cells.shape)
    share = present / present.sum(axis=1, keepdims=True)
    columns = (share[:, None, :] @ cells).reshape(len(cells), 1, -1)
    if force == "time":
        return np.broadcast_to(columns, cells.shape)
    return np.asarray(rows + (columns - columns.mean(axis=2, keepdims=True)))


@dataclass(frozen=True, eq=False)
class Fit:
    """What full tables come to.

    Attributes
    ----------
    fitted:
        [B, R, T], effects and shrunk matrix.
    rank:
        [B], of the shrunk matrix.
    objective:
        [B], what is minimised, as a function of the cells.
    factors:
        [B, T, r], orthonormal, where a number of factors is kept; None otherwise.
    """

    fitted: Floats
    rank: NDArray[np.int64]
    objective: Floats
    factors: Floats | None = None


def fit_of(cells: Floats, present: Bools, force: Force, shrink: Shrink) -> Fit:
    """Effects and shrunk matrix of full tables.

    Singular values are from the smaller matrix of products; those that are kept lie above a threshold or are the largest,
    so that nothing rests on the small ones, which this blurs.
    """
    level = effects(cells, present, force)
    rest = (cells - level) * present[:, :, None]
    if shrink.nothing:
        return Fit(level, np.zeros(len(cells), dtype=np.int64), (rest**2).sum(axis=(1, 2)) / 2)
    tall = rest.shape[1] >= rest.shape[2]
    turned = np.swapaxes(rest, 1, 2)
    squares, vectors = np.linalg.eigh(turned @ rest if tall else rest @ turned)
    singular = np.sqrt(np.maximum(squares, 0.0))
    shares = shrink.shares(singular)
    projector = (vectors * shares[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    fitted = level + (rest @ projector if tall else projector @ rest)
    factors = None
    if shrink.rank is not None:
        kept = vectors[:, :, vectors.shape[2] - shrink.rank :]
        factors = kept if tall else np.linalg.qr(turned @ kept).Q
    return Fit(fitted, np.asarray((shares > 0).sum(axis=1)), shrink.objective(singular, shares), factors)


def refitted(found: Fit, cells: Floats, tables: Tables, force: Force) -> Floats:
    """Fits [B, R, T] in which each unit with missing cells has the loadings that suit the cells seen best.

    They lead to the same end as the fits of the full table, and sooner: those move a unit's loadings by a part of the way.
    """
    if found.factors is None:
        return found.fitted
    which, rows = np.nonzero((~tables.seen).any(axis=2) & tables.present)
    level = effects(cells, tables.present, force)[:, 0]
    alike = {"two-way": level - level.mean(axis=1, keepdims=True), "time": level}.get(force, np.zeros_like(level))
    constant = np.ones((*found.factors.shape[:2], int(force in ("two-way", "unit"))))
    columns = np.concatenate([constant, found.factors], axis=2)[which]
    seen = tables.seen[which, rows][:, :, None]
    rest = ((cells[which, rows] - alike[which])[:, :, None]) * seen
    inverse = np.linalg.pinv(np.swapaxes(columns, 1, 2) @ (columns * seen), hermitian=True)
    loadings = inverse @ (np.swapaxes(columns, 1, 2) @ rest)
    fitted = found.fitted.copy()
    fitted[which, rows] = (columns @ loadings)[:, :, 0] + alike[which]
    return fitted


def fill(
    tables: Tables,
    shrink: Shrink,
    force: Force,
    *,
    start: Floats | None = None,
    tolerance: float = TOLERANCE,
    lost: bool = False,
) -> Filled:
    """Fill tables.

    Parameters
    ----------
    tables, shrink, force:
        What is seen, what becomes of singular values, which effects are in all cells (never shrunk).
    start:
        [B, R, T], guesses of the cells not seen, such as a neighbouring threshold's.
    tolerance:
        Difference between cells and fits at which to stop, relative to the outcomes' standard deviation.
    lost:
        Whether tables whose steps do not settle are NaN; otherwise they are refused.

    Raises
    ------
    EstimationError
        The steps do not settle.
    """
    with _one_thread():
        parts = [
            _fill(tables.take(s), shrink.take(s), force, None if start is None else start[s], tolerance)
            for s in slabs(len(tables), tables.values[0].size)
        ]
    names = ("cells", "fitted", "rank", "residual")
    filled = Filled(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))
    if not lost and not np.isfinite(filled.residual).all():
        raise EstimationError(_unsettled(shrink))
    return filled


def _one_thread() -> AbstractContextManager[Any]:
    """Linear algebra without threads: in matrices of this size they wait for each other, up to a hundred times longer than they work."""
    found: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return found


@cache
def _libraries() -> Any:
    """The libraries loaded; looking for them takes longer than filling a small table."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _unsettled(shrink: Shrink) -> str:
    if shrink.rank is None:
        return f"The matrix of low rank did not settle in {MOST_STEPS:,} steps. Use a larger penalty, or leave out units with few observed periods."
    return (
        f"{shrink.rank} factors cannot be told in the untreated cells: one of them fits a single unit's few seen periods alone, and "
        "nothing holds what it says of that unit's missing ones. Use fewer factors, `method: controls`, or matrix_completion."
    )


def _fill(tables: Tables, shrink: Shrink, force: Force, start: Floats | None, tolerance: float) -> Filled:
    """Fill tables together; those that are done leave."""
    middle = _middle(tables, force)
    scale = _scale(tables, middle)
    found = Filled(np.array(tables.values), np.array(tables.values), np.zeros(len(tables), int), np.zeros(len(tables)))
    active, places = np.arange(len(tables)), _Places.of(tables.seen | ~tables.present[:, :, None])
    x = np.where(tables.seen, tables.values, _row_means(tables) if start is None else start) - middle
    mixing = _Mixing(*places.flat.shape)
    for _ in range(MOST_STEPS if shrink.rank is None else MOST_RANK_STEPS):
        full = fit_of(x, tables.present, force, shrink)
        fitted, rank, objective = refitted(full, x, tables, force), full.rank, full.objective
        steps = places.steps(fitted, x)
        size = np.abs(steps).max(axis=1, initial=0.0) / scale
        done = size <= tolerance
        if done.any():
            rows = active[done]
            found.cells[rows], found.fitted[rows] = x[done] + middle[done], fitted[done] + middle[done]
            found.rank[rows], found.residual[rows] = rank[done], size[done]
            if done.all():
                return found
            active, x, steps, objective = active[~done], x[~done], steps[~done], objective[~done]
            middle, scale, places = middle[~done], scale[~done], places.take(~done)
            tables, shrink = tables.take(~done), shrink.take(~done)
            mixing.keep(~done)
        places.move(x, mixing.next(steps, objective))
    found.cells[active], found.fitted[active], found.residual[active] = np.nan, np.nan, np.inf
    return found


def _middle(tables: Tables, force: Force) -> Floats:
    """A level that the effects take up, [B, 1, 1]: taken out first so that large levels cost no digits."""
    if force == "none":
        return np.zeros((len(tables), 1, 1))
    return np.asarray((tables.values.sum(axis=(1, 2)) / np.maximum(tables.counts, 1))[:, None, None])


def _scale(tables: Tables, middle: Floats) -> Floats:
    """Standard deviation of the cells seen, [B]; 1 where they do not vary."""
    squares = np.where(tables.seen, tables.values - middle, 0.0) ** 2
    found = np.sqrt(squares.sum(axis=(1, 2)) / np.maximum(tables.counts, 1))
    return np.where(found > 0, found, 1.0)


def _row_means(tables: Tables) -> Floats:
    """Means of the cells seen of each unit, [B, R, 1]."""
    counts = tables.seen.sum(axis=2, keepdims=True)
    return np.asarray(tables.values.sum(axis=2, keepdims=True) / np.maximum(counts, 1))


@dataclass(frozen=True, eq=False)
class _Places:
    """Where cells are missing: positions in each flattened table, [B, M]; a table with fewer names its first one again.

    ``some`` [B]: whether it has any. Cells of units that a table does not have are no cells.
    """

    flat: Positions
    some: Bools

    @classmethod
    def of(cls, seen: Bools) -> _Places:
        missing = ~seen.reshape(len(seen), -1)
        counts = missing.sum(axis=1)
        first = np.argsort(~missing, axis=1, kind="stable")[:, : max(int(counts.max(initial=0)), 1)]
        inside = np.arange(first.shape[1]) < counts[:, None]
        return cls(np.where(inside, first, first[:, :1]), counts > 0)

    def take(self, rows: Bools) -> _Places:
        return _Places(self.flat[rows], self.some[rows])

    def steps(self, fitted: Floats, cells: Floats) -> Floats:
        """Fit minus cell, [B, M]."""
        across = fitted.reshape(len(fitted), -1), cells.reshape(len(cells), -1)
        found, now = (np.take_along_axis(a, self.flat, axis=1) for a in across)
        return np.asarray((found - now) * self.some[:, None])

    def move(self, cells: Floats, steps: Floats) -> None:
        """Add steps to cells, in place."""
        flat = cells.reshape(len(cells), -1)
        there = np.take_along_axis(flat, self.flat, axis=1)
        np.put_along_axis(flat, self.flat, there + steps * self.some[:, None], axis=1)


class _Mixing:
    """The last moves of B iterations, oldest first, [B, MEMORY, M], and how much each changed the next step; it remembers.

    A mixed step that does not lower the objective is taken back: the plain step, which always does, is taken instead, and
    the table forgets. So no table is worse off than without mixing.

    Source: Walker and Ni (2011), equations 1.1 and 2.2.
    """

    def __init__(self, tables: int, cells: int) -> None:
        self.moved = np.zeros((tables, MEMORY, cells))
        self.changed = np.zeros((tables, MEMORY, cells))
        self.added = np.zeros((tables, cells))
        self.steps = np.zeros((tables, cells))
        self.objective = np.full(tables, np.inf)

    def keep(self, rows: Bools) -> None:
        """Leave out the other tables."""
        for name, value in vars(self).items():
            setattr(self, name, value[rows])

    def next(self, steps: Floats, objective: Floats) -> Floats:
        """What to add to the cells, [B, M], where their fits are so far away and the objective is such."""
        worse = self._worse(objective)[:, None]
        self._remember(steps, worse[:, :, None])
        mixed = np.where(worse, self.steps, steps - self._correction(steps))
        move = mixed - np.where(worse, self.added, 0.0)
        self.added, self.steps = mixed, np.where(worse, self.steps, steps)
        self.objective = np.where(worse[:, 0], self.objective, objective)
        return np.asarray(move)

    def _worse(self, objective: Floats) -> Bools:
        """Whether the last step was a mixed one, and has not lowered the objective enough."""
        mixed = (self.added != self.steps).any(axis=1)
        asked = 1e-3 * np.abs(self.steps).max(axis=1, initial=0.0) ** 2
        return np.asarray(mixed & (objective > self.objective * (1 + 1e-12) - asked))

    def _remember(self, steps: Floats, worse: Bools) -> None:
        """One move more; those that went wrong forget, and at first there is none."""
        first = np.isinf(self.objective)[:, None, None]
        added = np.concatenate([self.moved[:, 1:], self.added[:, None]], axis=1)
        changed = np.concatenate([self.changed[:, 1:], (steps - self.steps)[:, None]], axis=1)
        self.moved, self.changed = (np.where(worse | first, 0.0, a) for a in (added, changed))

    def _correction(self, steps: Floats) -> Floats:
        """The combination of the last moves that leaves the smallest step, by least squares with a trace of a ridge."""
        products = self.changed @ np.swapaxes(self.changed, 1, 2)
        trace = np.trace(products, axis1=1, axis2=2)
        ridge = np.where(trace > 0, 1e-12 * trace, 1.0)[:, None, None] * np.eye(MEMORY)
        weights = np.linalg.solve(products + ridge, self.changed @ steps[:, :, None])
        return np.asarray((np.swapaxes(self.moved + self.changed, 1, 2) @ weights)[:, :, 0])


# ---- how much to shrink: cross-validation ---------------------------------------------------------------------------------


def deal_folds(seen: Bools, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each cell seen, [R, T], -1 elsewhere: each unit's cells are dealt evenly, in random order.

    The only cell of a unit is never held out: nothing would be left to tell its level.
    """
    rng = np.random.default_rng(seed)
    dealt = np.full(seen.shape, -1)
    for row, cells in enumerate(seen):
        here = np.flatnonzero(cells)
        if len(here) > 1:
            dealt[row, rng.permutation(here)] = (np.arange(len(here)) + rng.integers(folds)) % folds
    return dealt


PATIENCE = 8
"""Trials without a smaller error after which a path is left: what follows shrinks still less."""


def cross_validate(
    table: Tables,
    shrinks: Sequence[Callable[[Tables], Shrink]],
    force: Force,
    *,
    folds: int,
    seed: int,
    tolerance: float = 1e-5,
) -> tuple[float, ...]:
    """Errors of cells held out, for one table and each of several ways to shrink, most shrinking first.

    Parameters
    ----------
    table:
        One table.
    shrinks:
        For each trial a function of the tables without their held-out cells.
    folds, seed:
        Number of parts, each held out once; how cells are dealt.
    tolerance:
        As for ``fill``: errors need fewer digits than the answer.

    Returns
    -------
    Root mean squared errors; fewer than trials where they had long ceased to fall, or a trial had no end.

    Source: Athey et al. (2021), section 4; each cell is held out once here instead of in random draws.
    """
    dealt = deal_folds(table.seen[0], folds, seed)
    held = dealt == np.arange(folds)[:, None, None]
    whole = table.take(np.zeros(folds, dtype=int))
    parts = whole.without(held)
    scored = held & parts.seen.any(axis=1, keepdims=True) & parts.seen.any(axis=2, keepdims=True)
    cells, errors = None, []
    for shrink in shrinks:
        found = fill(parts, shrink(parts), force, start=cells, tolerance=tolerance, lost=True)
        if not np.isfinite(found.residual).all():
            break
        cells = found.cells
        squares = np.where(scored, (found.fitted - whole.values) ** 2, 0.0)
        errors.append(float(np.sqrt(squares.sum() / max(int(scored.sum()), 1))))
        if len(errors) - 1 - int(np.argmin(errors)) >= PATIENCE:
            break
    return tuple(errors)


def simplest(errors: Sequence[float]) -> int:
    """Position of the smallest error; the first of equals."""
    found = np.array(errors)
    return int(np.flatnonzero(found <= found.min() * (1 + 1e-9))[0])


def penalty_path(table: Tables, force: Force, count: int, span: float = 1e-3) -> tuple[float, ...]:
    """Penalties to try for one table, from the smallest that leaves no matrix of low rank down to ``span`` times it.

    Penalties are those of the paper: 2 thresholds / cells seen. Empty where unit and period effects fit each cell exactly.

    Source: Athey et al. (2021), section 4, for the path; the largest singular value of the residuals starts it.
    """
    found = fill(table, Shrink(np.array([np.inf])), force)
    rest = np.where(table.seen, table.values - found.fitted, 0.0)[0]
    with _one_thread():
        largest = float(np.linalg.norm(rest, 2))
    if largest <= _rounding(table, force):
        return ()
    return tuple(2 * largest / int(table.counts[0]) * np.geomspace(1.0, span, count))


def _rounding(table: Tables, force: Force) -> float:
    """Largest singular value of one table's residuals that is none: rounding of its movement, or of its level."""
    level = float(np.abs(table.values).max())
    moved = float(np.abs(np.where(table.seen, table.values - _middle(table, force), 0.0)).max())
    return max(1e-8 * moved, float(np.finfo(float).eps) * sum(table.values.shape[1:]) * level)


def by_penalty(penalty: float) -> Callable[[Tables], Shrink]:
    """The shrinking that a penalty means for tables, by how many cells each has."""
    return lambda tables: Shrink(penalty * tables.counts / 2)


def by_rank(rank: int) -> Callable[[Tables], Shrink]:
    """So many factors for any tables."""
    return lambda tables: Shrink(rank=rank)


def filled_gaps(worlds: Worlds, ends: Positions, choose: Callable[[Tables], Shrink], force: Force) -> Floats:
    """Gaps of questions, [B, T]: what was observed less the fit of its table; NaN where nothing tells the fit."""
    gaps = np.full(worlds.fit.shape, np.nan)
    for rows in slabs(len(worlds), (1 + worlds.outcomes.shape[0]) * worlds.outcomes.shape[1]):
        some = worlds.take(rows)
        tables = tables_of(some, ends)
        asked = tables.seen[:, 0].any(axis=1) & tables.seen[:, 1:].any(axis=(1, 2))
        if not asked.any():
            continue
        fitted = fill(tables.take(asked), choose(tables.take(asked)), force, lost=True).fitted[:, 0]
        known = np.asarray(tables.seen[asked].any(axis=1))
        gaps[rows[asked]] = np.where(known, some.targets[asked] - fitted, np.nan)
    return gaps
