"""Least squares over weights that sum to one: the one solver of the synthetic control family.

    minimise  ||y - a - X w||^2 + ridge ||w||^2    over  0 <= w <= upper,  sum w = 1   (a = 0 unless asked for)

for many y at once, each with rows and columns of its own. Since the weights sum to one, y - X w = -(X - y 1') w: the
problem is to find the point of a hull that is nearest to the origin. Without an upper bound that is one non-negative least
squares problem: the minimiser x of ||P x||^2 + c^2 (1'x - 1)^2 over x >= 0 has the direction of w, for any c > 0 (for a given
direction the best length gives ||Pw||^2 c^2 / (||Pw||^2 + c^2), which grows with ||Pw||^2). Its result starts an active-set
method that ends where the Karush-Kuhn-Tucker conditions hold; mostly they hold at once.

Source: Wolfe (1976), Finding the nearest point in a polytope; Lawson and Hanson (1974), chapter 23, for non-negative least
squares (SciPy's); Nocedal and Wright (2006), algorithm 16.3, for the active set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.simplex_together import together
from scale_impact.errors import EstimationError, UsageError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EXACT = 1e-11
"""KKT residual, relative to the largest squared column, above which no solution is taken."""

GAP = 1e-10
"""KKT residual, relative to the objective, at which a solution is taken: no weights are better by a larger share."""

ROUNDING = 4e-15
"""KKT residual, relative to the length of the columns with weight, that is nothing but rounding errors."""

ALIKE = 1e-6
"""Gradients so close to the least one, relative to the objective, belong to donors that could have weight."""

DEPENDENT = 1e-9
"""Singular values so small, relative to the columns that could have weight, say that these depend on each other."""


TURNS, PATIENCE = 50, 3
"""Exchanges tried, and how many of them in a row may fail to make offenders fewer."""


@dataclass(frozen=True, eq=False)
class SimplexFit:
    """Solutions of B problems.

    Attributes
    ----------
    weights:
        [B, J]; 0 in columns that were not allowed. Rows sum to one.
    intercepts:
        [B]; 0 unless asked for.
    kkt:
        [B], how far the optimality conditions are from holding, relative to the largest squared distance between the target
        and a column: the largest of 0 and least multiplier minus gradient, over all columns.
    """

    weights: Floats
    intercepts: Floats
    kkt: Floats
    _problems: _Problems

    @cached_property
    def unique(self) -> Bools:
        """Whether no other weights fit as well, [B]."""
        return np.array([_unique(self._problems, b, self.weights[b]) for b in range(len(self.weights))], dtype=bool)


@dataclass(frozen=True, eq=False)
class _Problems:
    """What was asked, to be looked at again."""

    columns: Floats
    targets: Floats
    rows: Bools | None
    allowed: Bools | None
    ridge: Floats
    intercept: bool
    upper: float

    def chosen(self, b: int) -> NDArray[np.int64]:
        """Columns allowed in a problem."""
        every = np.arange(self.columns.shape[1])
        return every if self.allowed is None else np.flatnonzero(self.allowed[b])

    def distances(self, b: int) -> tuple[Floats, float]:
        """P = X - y of a problem over its rows and columns, less column means with an intercept; and its scale."""
        rows = slice(None) if self.rows is None else self.rows[b]
        columns = self.columns[rows]
        p = (columns if self.allowed is None else columns[:, self.allowed[b]]) - self.targets[b, rows][:, None]
        if self.intercept:
            p = p - p.mean(axis=0)
        return p, float(np.sqrt(np.einsum("mj,mj->j", p, p).max(initial=0.0))) or 1.0


def simplex_fit(
    columns: Floats,
    targets: Floats,
    *,
    rows: Bools | None = None,
    allowed: Bools | None = None,
    ridge: float | Floats = 0.0,
    intercept: bool = False,
    upper: float = 1.0,
) -> SimplexFit:
    """Weights on columns that sum to one and come closest to each target.

    Parameters
    ----------
    columns:
        X, [M, J]: one column a donor, shared by all problems.
    targets:
        [B, M]: one row a problem.
    rows, allowed:
        [B, M] and [B, J]: rows fitted on and columns that may have weight; None: all.
    ridge:
        Penalty on the sum of squared weights, one for all or [B]. With one the solution is unique.
    intercept:
        Whether a constant is fitted beside the columns.
    upper:
        Largest weight of a column.

    Raises
    ------
    UsageError
        Shapes do not fit, or no weights can satisfy the bounds.
    EstimationError
        A number is not finite, or a problem was not solved (which would be an error of this file).
    """
    targets = np.atleast_2d(np.asarray(targets, dtype=float))
    penalties = np.broadcast_to(np.asarray(ridge, dtype=float), len(targets))
    asked = _Problems(np.asarray(columns, dtype=float), targets, rows, allowed, penalties, intercept, upper)
    _refuse(asked)
    weights = np.zeros((len(targets), asked.columns.shape[1]))
    intercepts, kkt = np.zeros(len(targets)), np.zeros(len(targets))
    guessed = _guessed(asked)
    for b in range(len(targets)):
        p, scale = asked.distances(b)
        chosen = asked.chosen(b)
        weights[b, chosen], kkt[b] = _checked(p / scale, penalties[b] / scale**2, upper, guessed[b, chosen])
        if intercept:
            seen = slice(None) if rows is None else rows[b]
            intercepts[b] = targets[b, seen].mean() - asked.columns[seen].mean(axis=0) @ weights[b]
    return SimplexFit(weights, intercepts, kkt, asked)


def _refuse(asked: _Problems) -> None:
    (m, j), b = asked.columns.shape, len(asked.targets)
    wanted = {"targets": (asked.targets, (b, m)), "rows": (asked.rows, (b, m)), "allowed": (asked.allowed, (b, j))}
    wrong = [
        f"{name} has shape {a.shape}, not {s}" for name, (a, s) in wanted.items() if a is not None and a.shape != s
    ]
    if wrong:
        raise UsageError(f"simplex_fit: {'; '.join(wrong)} (columns are {m} x {j}).")
    fewest = j if asked.allowed is None else int(asked.allowed.sum(axis=1).min(initial=j))
    if fewest * asked.upper < 1 - 1e-12:
        raise UsageError(f"simplex_fit: {fewest} columns of weight {asked.upper:g} at most cannot sum to one.")
    if asked.rows is not None and not asked.rows.any(axis=1).all():
        raise UsageError("simplex_fit: a problem has no row to fit on.")
    if not (np.isfinite(asked.columns).all() and np.isfinite(asked.targets).all()):
        raise EstimationError("simplex_fit: outcomes or predictors hold a number that is missing or infinite.")


def _guessed(asked: _Problems) -> Floats:
    """Weights of all problems with the same rows in step, [B, J], still to be checked; NaN where there are none.

    Not with a penalty or an upper bound: many weights are then free, or none may be.
    """
    found = np.full((len(asked.targets), asked.columns.shape[1]), np.nan)
    if asked.upper < 1 or asked.ridge.any() or not len(found):
        return found
    every = np.ones(asked.targets.shape, dtype=bool) if asked.rows is None else asked.rows
    allowed = np.ones(found.shape, dtype=bool) if asked.allowed is None else asked.allowed
    alike = bool((every == every[0]).all())
    kinds, kind = (every[:1], np.zeros(len(every))) if alike else np.unique(every, axis=0, return_inverse=True)
    for k, seen in enumerate(kinds):
        group = np.flatnonzero(kind.ravel() == k)
        targets = asked.targets[group][:, seen]
        found[group] = together(
            asked.columns[seen], targets, allowed[group], asked.ridge[group], intercept=asked.intercept
        )
    return found


def _checked(p: Floats, ridge: float, upper: float, guess: Floats) -> tuple[Floats, float]:
    """The guess, if the optimality conditions hold for it, or else the solution; and their residual."""
    if np.isfinite(guess).all():
        residual = _residual(p, guess, ridge, upper)
        if residual <= _allowed(p, guess, ridge):
            return guess, residual
    return nearest_point(p, ridge, upper)


def _allowed(p: Floats, weights: Floats, ridge: float) -> float:
    """KKT residual at which weights are the solution.

    A residual bounds how far the objective is above its minimum. Beside donors many times as far away as those with weight a
    small residual in terms of the farthest one may be as large as the objective; so it is held against the objective itself,
    or against the rounding errors of the gradient.
    """
    used = weights > 0
    fit = p[:, used] @ weights[used]
    objective = fit @ fit + ridge * (weights @ weights)
    length = np.sqrt(np.einsum("mj,mj->j", p[:, used], p[:, used])) @ weights[used]
    return float(min(max(GAP * objective, ROUNDING * length), EXACT))


def nearest_point(
    p: Floats, ridge: float = 0.0, upper: float = 1.0, start: Floats | None = None
) -> tuple[Floats, float]:
    """Weights whose point of the hull of the columns of P [M, J] is nearest to the origin, and their KKT residual.

    P should be scaled so that its longest column has length one or so. ``start``: weights of a similar problem, from which few
    steps are left.
    """
    weights = _first(p, ridge, upper) if start is None else _quickly(p, ridge, upper, start)
    residual = _residual(p, weights, ridge, upper)
    if residual > _allowed(p, weights, ridge):
        weights = _active_set(p, ridge, upper, weights)
        residual = _residual(p, weights, ridge, upper)
    return weights, residual


def _quickly(p: Floats, ridge: float, upper: float, start: Floats) -> Floats:
    """The optimum from similar weights by cross products, which are quick and lose digits where columns are nearly dependent."""
    if upper < 1:
        return start
    gram = p.T @ p
    gram[np.diag_indices_from(gram)] += ridge
    weights, free = start.copy(), start > 0
    for _ in range(4 * len(p) + 10):
        at = np.flatnonzero(free)
        best = _level(gram[np.ix_(at, at)])
        if best is None:
            break
        if best.min() <= 0:
            _stop_at_zero(weights, free, at, best)
            continue
        weights[:] = 0.0
        weights[at] = best
        slopes = gram[:, at] @ best
        worst = int(slopes.argmin())
        if free[worst] or slopes[worst] >= slopes[at[0]] - EXACT / 10:
            break
        free[worst] = True
    return np.asarray(weights / weights.sum())


def _stop_at_zero(weights: Floats, free: Bools, at: NDArray[np.int64], best: Floats) -> None:
    """Go from the weights towards the best on the free columns, as far as none sinks below zero; who reaches it is free no more."""
    now, sinking = weights[at], best <= 0
    shares = now[sinking] / (now[sinking] - best[sinking])
    weights[at] = np.maximum(now + float(shares.min()) * (best - now), 0.0)
    stopped = at[sinking][shares <= shares.min()]
    weights[stopped], free[stopped] = 0.0, False


def _level(gram: Floats) -> Floats | None:
    """Weights summing to one with equal slopes on all columns; None where columns depend on each other."""
    try:
        found = np.linalg.solve(gram, np.ones(len(gram)))
    except np.linalg.LinAlgError:
        return None
    total = found.sum()
    return found / total if np.isfinite(total) and total > 0 else None


def _first(p: Floats, ridge: float, upper: float) -> Floats:
    """The solution without the upper bound by non-negative least squares, brought inside the bound."""
    found = _pivoted(p, ridge) if ridge > 0 else None
    found = _by_nnls(p, ridge) if found is None else found
    total = found.sum()
    if not total > 0:
        found[np.argmin((p * p).sum(axis=0))] = total = 1.0
    found = found / total
    return found if upper >= 1 or found.max() <= upper else _inside(found, upper)


def _by_nnls(p: Floats, ridge: float) -> Floats:
    """A direction of the solution; zeros where SciPy reaches its limit of iterations (the active set then does all the work)."""
    from scipy.optimize import nnls

    j = p.shape[1]
    penalty = [np.sqrt(ridge) * np.eye(j)] if ridge > 0 else []
    stacked = np.concatenate([p, *penalty, np.ones((1, j))])
    right = np.zeros(len(stacked))
    right[-1] = 1.0
    try:
        return np.asarray(nnls(stacked, right)[0])
    except RuntimeError:
        return np.zeros(j)


def _pivoted(p: Floats, ridge: float) -> Floats | None:
    """The same where a penalty gives most columns weight, by exchanging all offenders at once; None where that goes in circles.

    Source: Portugal, Judice and Vicente (1994), block principal pivoting for non-negative least squares.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    gram = p.T @ p + 1.0
    gram[np.diag_indices_from(gram)] += ridge
    free, fewest, patience = np.ones(len(gram), dtype=bool), len(gram) + 1, PATIENCE
    for _ in range(TURNS):
        at, found = np.flatnonzero(free), np.zeros(len(gram))
        try:
            factor = cho_factor(gram[np.ix_(at, at)], lower=True, check_finite=False)
        except LinAlgError:  # a penalty too small to tell columns apart
            return None
        found[at] = cho_solve(factor, np.ones(len(at)), check_finite=False)
        slopes = gram[:, at] @ found[at] - 1
        wrong = np.where(free, found < 0, slopes < -EXACT)
        if not wrong.any():
            return found
        patience = PATIENCE if wrong.sum() < fewest else patience - 1
        fewest = min(fewest, int(wrong.sum()))
        if patience < 0:
            return None
        free = free ^ wrong
    return None


def _inside(weights: Floats, upper: float) -> Floats:
    """Weights cut at the upper bound, the rest dealt to those that have room."""
    cut = np.minimum(weights, upper)
    room = upper - cut
    return np.asarray(cut + room * ((1 - cut.sum()) / room.sum() if room.sum() > 0 else 0.0))


def _gradient(p: Floats, weights: Floats, ridge: float) -> Floats:
    """Half the gradient of the objective."""
    return np.asarray(p.T @ (p @ weights) + ridge * weights)


def _residual(p: Floats, weights: Floats, ridge: float, upper: float) -> float:
    """How far the KKT conditions are from holding: no move of weight from one column to another helps."""
    g = _gradient(p, weights, ridge)
    giving, taking = g[weights > 0].max(), g[weights < upper].min(initial=np.inf)
    return float(max(giving - taking, abs(weights.sum() - 1), -weights.min(), weights.max() - upper, 0.0))


def _active_set(p: Floats, ridge: float, upper: float, weights: Floats) -> Floats:
    """The optimum from feasible weights on: solve on the free columns, stop at bounds, let the worst offender free."""
    free = (weights > 0) & (weights < upper)
    for _ in range(20 * len(weights) + 100):
        step, blocked = _towards(p, ridge, upper, weights, free)
        weights = step
        if blocked is not None:
            free[blocked] = False
            continue
        free &= (weights > 0) & (
            weights < upper
        )  # who could not leave its bound is not free, and may be an offender again
        gradient = _gradient(p, weights, ridge)
        offender = _offender(gradient, weights, upper, free, _allowed(p, weights, ridge) / 10)
        if offender is None:
            return weights
        free[offender] = True
        if not _exchange(weights, free, upper, offender):
            free[_partner(gradient, weights, upper, offender)] = True
    raise EstimationError(f"No weights found in {20 * len(weights) + 100} steps for {len(weights)} columns.")


def _towards(p: Floats, ridge: float, upper: float, weights: Floats, free: Bools) -> tuple[Floats, int | None]:
    """The best weights on the free columns, or as far towards them as bounds allow, and the column that stopped it."""
    at = np.flatnonzero(free)
    if len(at) < 2:
        return weights, None
    move = _best(p[:, at], ridge, p @ weights, weights[at])
    now = weights[at]
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(move < 0, now / -move, np.where(move > 0, (upper - now) / move, np.inf))
    share = min(1.0, float(room.min()))
    moved = weights.copy()
    moved[at] = np.clip(now + share * move, 0.0, upper)
    if share == 1.0:
        return moved, None
    stopped = int(at[int(room.argmin())])
    moved[stopped] = 0.0 if move[int(room.argmin())] < 0 else upper
    return moved, stopped


def _best(p: Floats, ridge: float, left: Floats, weights: Floats) -> Floats:
    """The move, summing to zero, that minimises the objective on the free columns: least squares without bounds.

    By differences to the nearest column, brought to one length, and an orthogonal factorisation: predictors may be weighted,
    and donors lie apart, by many orders of magnitude, and a cross product would square the condition.
    """
    nearest = int(np.einsum("mj,mj->j", p, p).argmin())
    others = np.delete(np.arange(p.shape[1]), nearest)
    differences, right = p[:, others] - p[:, [nearest]], -left
    if ridge > 0:
        root = np.sqrt(ridge)
        differences = np.vstack([differences, root * np.eye(len(others)), np.full(len(others), -root)])
        right = np.concatenate([right, -root * weights[others], [-root * weights[nearest]]])
    lengths = np.sqrt(np.einsum("mj,mj->j", differences, differences))
    lengths[lengths == 0] = 1.0
    move = np.zeros(p.shape[1])
    move[others] = np.linalg.lstsq(differences / lengths, right, rcond=1e-14)[0] / lengths
    move[nearest] = -move[others].sum()
    return move


def _offender(g: Floats, weights: Floats, upper: float, free: Bools, least: float) -> int | None:
    """The column at a bound whose gradient says most that it should move; None where none does."""
    inner = free & (weights > 0) & (weights < upper)
    level = g[inner].mean() if inner.any() else g[weights > 0].max()
    wrong = np.where(free, 0.0, np.where(weights <= 0, level - g, np.where(weights >= upper, g - level, 0.0)))
    worst = int(wrong.argmax())
    return worst if wrong[worst] > least else None


def _exchange(weights: Floats, free: Bools, upper: float, offender: int) -> bool:
    """Whether a free column can give the weight that the offender should take, or take what it should give."""
    able = (weights > 0) if weights[offender] <= 0 else (weights < upper)
    others = free & able
    others[offender] = False
    return bool(others.any())


def _partner(g: Floats, weights: Floats, upper: float, offender: int) -> int:
    """The column at a bound from which (to which) the offender should take (give) weight where no other is free."""
    rising = weights[offender] <= 0
    able = (weights > 0) if rising else (weights < upper)
    able[offender] = False
    return int(np.where(able, g if rising else -g, -np.inf).argmax())


def _unique(asked: _Problems, b: int, weights: Floats) -> bool:
    """Whether no move among the columns that could have weight leaves the fit as it is.

    The fit X w is unique; weights are, unless a move d with P d = 0 and sum d = 0 exists that takes nothing from columns
    without weight.
    """
    if asked.ridge[b] > 0:
        return True
    p, scale = asked.distances(b)
    p, w = p / scale, weights[asked.chosen(b)]
    g = _gradient(p, w, 0.0)
    slack = max(ALIKE * float(w @ g), 10 * _allowed(p, w, 0.0))
    could = np.flatnonzero((g <= g[w > 0].max() + slack) | (w > 0))
    size = np.abs(p[:, could]).max(initial=0.0) or 1.0
    table = np.vstack([p[:, could] / size, np.ones(len(could))])
    if np.linalg.matrix_rank(table, tol=DEPENDENT) == len(could):
        return True
    return not _movable(table, w[could] > 0, w[could] < asked.upper)


def _movable(table: Floats, down: Bools, up: Bools) -> bool:
    """Whether a move in the null space of the table exists that lowers only ``down`` and raises only ``up`` columns."""
    from scipy.optimize import linprog

    k = table.shape[1]
    bounds = [(-1.0 if d else 0.0, 1.0 if u else 0.0) for d, u in zip(down, up, strict=True)]
    aims = np.concatenate([np.eye(k), -np.eye(k)])
    for aim in aims[np.concatenate([up, down])]:
        found = linprog(-aim, A_eq=table, b_eq=np.zeros(len(table)), bounds=bounds, method="highs")
        if found.status == 0 and -found.fun > 1e-6:
            return True
    return False
