"""Weights of predictors, so that the donors that match them explain the outcome best: nested optimisation of V.

    minimise over V   mean_t (z_t - Z_t w(V))^2    where   w(V) = argmin over the simplex of  sum_k V_k (x_k - X_k w)^2

The outer loss has many local minima, and the best ones let one predictor outweigh others by orders of magnitude. Where no
bound on V binds, its gradient is known from the optimality conditions of the inner problem, so that a quasi-Newton method
finds a local minimum in some twenty inner problems. It is started from the best of many random V on a logarithmic scale, and
again from the minima found with some of their weights drawn anew. The inner problem is solved to its optimality conditions
each time: solvers that stop early report losses that no V gives.

Source: Abadie, Diamond and Hainmueller (2010), section 2.3; Becker and Kloessner (2018) on the global optimum and lower bound
of V; the gradient is by implicit differentiation of the Karush-Kuhn-Tucker conditions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.simplex import nearest_point, simplex_fit
from scale_impact.core.synthetic.worlds import Floats

LOWEST = -8.0
"""Base-10 logarithm of the least weight of a predictor over the largest one."""

SCREENED, STARTS, HOPS, STEPS = 300, 16, 70, 40
"""Random V looked at, how many of them are followed downhill, restarts near the best minima, steps of each descent."""

NEAR = 5
"""Restarts are near the best so many different minima in turn; they differ where their losses do by more than 0.1 %."""

NARROW = -3.0
"""Half of the random V differ by no more than these orders of magnitude."""

REDRAWN = 0.25
"""Share of the weights that a restart draws anew."""

HELD = 1e4
"""How much more the predictors count than outcomes where they can be matched exactly by several mixes of donors."""

MATCHED = 1e-9
"""Distance to the predictors, in standard deviations, that counts as matched exactly."""


@dataclass(frozen=True, eq=False)
class Nested:
    """Donor weights [J], predictor weights V [K] (summing to one), the mean squared error of outcomes, and whether no other
    donor weights do as well."""

    weights: Floats
    v: Floats
    loss: float
    unique: bool


@dataclass(frozen=True, eq=False)
class _Problem:
    """Distances of donors to the treated: of predictors [K, J], and cross products of outcomes [J, J] over their number."""

    x: Floats
    h: Floats

    def weights(self, v: Floats, start: Floats | None = None) -> Floats:
        """Donors that match predictors weighted by v; from those of a similar v it takes a few steps."""
        p = np.sqrt(v)[:, None] * self.x
        return nearest_point(p / (np.sqrt(np.einsum("kj,kj->j", p, p).max()) or 1.0), start=start)[0]

    def loss(self, weights: Floats) -> float:
        """Mean squared error of the outcome."""
        return float(weights @ self.h @ weights)

    def at(self, logs: Floats, w: Floats) -> tuple[float, Floats]:
        """Loss and its gradient at base-10 logarithms of V, whose donors are w."""
        v = 10.0 ** (logs - logs.max())
        support = np.flatnonzero(w > 0)
        x, pull = self.x[:, support], self.h @ w
        adjoint = _solved((x * v[:, None]).T @ x, pull[support])
        slope = -2 * np.log(10.0) * v * (x @ adjoint) * (self.x @ w)
        return float(w @ pull), slope


def _solved(inner: Floats, right: Floats) -> Floats:
    """The adjoint of the inner problem on its support, weights summing to one."""
    k = len(right)
    bordered = np.ones((k + 1, k + 1))
    bordered[:k, :k], bordered[k, k] = inner, 0.0
    try:
        found = np.linalg.solve(bordered, np.append(right, 0.0))[:k]
    except np.linalg.LinAlgError:
        found = np.full(k, np.nan)
    if not np.isfinite(found).all():  # donors that cannot be told apart: any of the solutions has the same slope
        found = np.linalg.lstsq(bordered, np.append(right, 0.0), rcond=None)[0][:k]
    return np.asarray(found)


def nested(x: Floats, z: Floats, seed: int) -> Nested:
    """Predictor weights and donor weights of one treated unit.

    Parameters
    ----------
    x:
        [K, J], predictors of the donors less those of the treated, each over its standard deviation.
    z:
        [M, J], outcomes of the donors less those of the treated in the periods explained.
    seed:
        Of the starting points.

    Returns
    -------
    The best V found with weights between 1e-8 and 1 times the largest. Where the donors that explain the outcome best at all
    are also optimal for some V, these; where several mixes match all predictors exactly, the one among them that explains the
    outcome best.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # the matrices are small: threads only wait for each other
        return _nested(x, z, seed)


def _nested(x: Floats, z: Floats, seed: int) -> Nested:
    problem = _Problem(x, z.T @ z / len(z))
    k = len(x)
    if (exact := _exactly(x, z)) is not None:
        weights, unique = exact
        return Nested(weights, np.full(k, 1 / k), problem.loss(weights), unique)
    if (v := _without_compromise(x, z)) is None:
        logs = _searched(problem, k, np.random.default_rng(seed))
        v = 10.0 ** (logs - logs.max())
    weights = problem.weights(v)
    return Nested(weights, v / v.sum(), problem.loss(weights), is_unique(x, v))


def matching(x: Floats, v: Floats) -> Floats:
    """Donor weights for given weights of predictors."""
    return _Problem(x, np.zeros((x.shape[1],) * 2)).weights(v / v.max())


def is_unique(x: Floats, v: Floats) -> bool:
    """Whether no other donor weights match the predictors, weighted by v, as well."""
    p = np.sqrt(v / v.max())[:, None] * x
    return bool(simplex_fit(p, np.zeros(len(p))).unique[0])


def _exactly(x: Floats, z: Floats) -> tuple[Floats, bool] | None:
    """The best mix for the outcome among those that match all predictors exactly, and whether it is the only one; None where
    none matches exactly."""
    length = np.sqrt(np.einsum("kj,kj->j", x, x).max()) or 1.0
    if np.abs(x @ nearest_point(x / length)[0]).max() > MATCHED * length:
        return None
    stacked = np.concatenate([HELD * x / length, z / (np.sqrt(np.einsum("mj,mj->j", z, z).max()) or 1.0)])
    found = simplex_fit(stacked, np.zeros(len(stacked)))
    return found.weights[0], bool(found.unique[0])


def _without_compromise(x: Floats, z: Floats) -> Floats | None:
    """A V for which the donors that explain the outcome best are optimal, by linear programming; None where there is none.

    Source: Becker and Kloessner (2018), section 3: whether the unrestricted outer optimum is feasible.
    """
    from scipy.optimize import linprog

    w = nearest_point(z / (np.sqrt(np.einsum("mj,mj->j", z, z).max()) or 1.0))[0]
    slopes = x * (x @ w)[:, None]  # gradient of donor j is v @ slopes[:, j]
    k, support = len(x), w > 0
    table = np.column_stack([slopes.T, -np.ones(len(w))])
    found = linprog(
        np.zeros(k + 1), A_eq=np.vstack([table[support], np.append(np.ones(k), 0.0)]),
        b_eq=np.append(np.zeros(int(support.sum())), 1.0), A_ub=-table[~support] if (~support).any() else None,
        b_ub=np.zeros(int((~support).sum())) if (~support).any() else None,
        bounds=[(10.0**LOWEST, None)] * k + [(None, None)], method="highs",
    )  # fmt: skip
    if found.status != 0:
        return None
    problem = _Problem(x, z.T @ z / len(z))
    v = found.x[:k]
    reached, best = problem.loss(problem.weights(v / v.max())), problem.loss(w)
    return np.asarray(v) if reached <= best * (1 + 1e-6) + 1e-300 else None


Minimum = tuple[float, Floats, Floats]
"""Loss, logarithms of V, donors."""


def _searched(problem: _Problem, k: int, rng: np.random.Generator) -> Floats:
    """Logarithms of the best V found."""
    if k == 1:
        return np.zeros(1)
    drawn = [np.zeros(k), *rng.uniform(NARROW, 0, (SCREENED // 2, k)), *rng.uniform(LOWEST, 0, (SCREENED // 2, k))]
    looked, w = [], problem.weights(np.ones(k))
    for logs in drawn:
        w = problem.weights(10.0 ** (logs - logs.max()), w)
        looked.append((problem.loss(w), logs, w))
    looked.sort(key=lambda m: m[0])
    minima = [_descent(problem, logs, w) for _, logs, w in looked[:STARTS]]
    for hop in range(HOPS):
        best = _different(minima)
        _, logs, w = best[hop % len(best)]
        anew = rng.random(k) < REDRAWN
        start = np.clip(np.where(anew, rng.uniform(LOWEST, 0, k), logs - logs.max()), LOWEST, 0.0)
        minima.append(_descent(problem, start, w))
    return _different(minima)[0][1]


def _different(minima: list[Minimum]) -> list[Minimum]:
    """The best minima that differ from each other."""
    found: list[Minimum] = []
    for minimum in sorted(minima, key=lambda m: m[0]):
        if not found or minimum[0] > found[-1][0] * (1 + 1e-3):
            found.append(minimum)
        if len(found) == NEAR:
            break
    return found


def _descent(problem: _Problem, start: Floats, weights: Floats) -> Minimum:
    """The local minimum below a start with its donors: loss, logarithms of V, donors."""
    from scipy.optimize import minimize

    last = [weights]

    def value(logs: Floats) -> tuple[float, Floats]:
        last[0] = problem.weights(10.0 ** (logs - logs.max()), last[0])
        return problem.at(logs, last[0])

    found = minimize(
        value, start, jac=True, method="L-BFGS-B", bounds=[(LOWEST, 0.0)] * len(start), options={"maxiter": STEPS}
    )
    return float(found.fun), np.asarray(found.x), last[0]
