"""How good is a city for its context: what is expected of a city like it, and how far it lies from that.

Right where context is what a city cannot choose. What it can choose (its spending, its staff) is part of what it is judged by: to
adjust for it takes away what is to be seen. The adjusted value is no effect of anything: what is left after context is performance,
luck and all context that was not named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np

from scale_impact.benchmark.adjusting import problems
from scale_impact.benchmark.adjusting.expecting import Expected, Plan, expected_alone, regress
from scale_impact.benchmark.adjusting.matched import match, nearest_cities
from scale_impact.benchmark.adjusting.question import Question
from scale_impact.benchmark.adjusting.result import ContextAdjustment
from scale_impact.benchmark.adjusting.shares import explained, left_out, shapley
from scale_impact.benchmark.adjusting.shrinkage import Shrinkage, shrink
from scale_impact.benchmark.adjusting.support import outside_support
from scale_impact.benchmark.cities import Context, Floats, Ints
from scale_impact.core.keys import Seed, checked
from scale_impact.errors import UsageError

__all__ = ["ContextAdjustment", "adjust"]

Method = Literal["ridge", "additive", "peers"]

USUAL = 10
"""Peers of a city where no number is asked for."""

EXACT: Mapping[str, int] = {"ridge": 6, "additive": 3, "peers": 4}
"""Up to so many context variables shares are exact means over all orders; above, what is lost without each."""


MOST: Mapping[str, int] = {"ridge": 20, "additive": 5, "peers": 1}
"""So often folds are dealt where cities are few."""


@checked
def adjust(
    context: Context,
    outcome: Floats,
    std_errors: Floats | None = None,
    *,
    method: Method = "ridge",
    log: list[str] | None = None,
    size: str | None = None,
    folds: int = 10,
    repeats: int | None = None,
    number: int | None = None,
    tails: Literal["together", "apart"] = "together",
    level: float = 0.95,
    seed: Seed = 20251122,
) -> ContextAdjustment:
    """Compare each city with what is expected of a city in its context.

    Parameters
    ----------
    context:
        What cities cannot choose, of N cities.
    outcome:
        An index, a dimension score or an indicator, more is better [N]; NaN where a city has none.
    std_errors:
        Its standard errors [N]; None where it is taken as known exactly.
    method:
        ``ridge``: straight lines, groups shrunk to the mean; ``additive``: a curve for each number; ``peers``: the mean of peers.
    log:
        Numbers of the context that are taken as logs.
    size:
        Number of the context that says how large a city is: what varies inversely to it is taken for chance and shrunk.
    folds, repeats:
        Folds of cross-fitting and how often they are dealt anew (None: by the number of cities). ``peers`` needs neither.
    number:
        How many peers; None: 10, or all others where there are fewer.
    tails:
        ``together``: intervals symmetric around what is expected; ``apart``: as much is left below as above, for skewed outcomes.
    level, seed:
        Of all intervals; decides the folds, with the cities' names: the order of rows does not matter.

    Raises
    ------
    UsageError
        Options that do not fit the context.
    DataError
        Data that do not fit; context that holds the outcome, one variable or all together.
    DesignError
        Fewer than ten cities with outcome and context, an outcome or a context that does not vary.
    """
    taken = list(log or [])
    y = problems.numbers("the outcome", outcome)
    errors = None if std_errors is None else problems.numbers("std_errors", std_errors)
    counts = {"folds": (folds, 3), "repeats": (repeats, 1), "number": (number, 2)}
    problems.refuse(context, y, errors, taken, size, level, counts)
    asked = Question.of(context, y, errors, taken, size)
    often = max(3, min(MOST[method], 6000 // len(asked.outcome))) if repeats is None else repeats
    peers = _peers(method, number, len(asked.outcome))
    plan = Plan(method, min(folds, len(asked.outcome)), often, peers, tails, level, seed)
    return _answer(context, y, asked, plan)


def _peers(method: Method, number: int | None, n: int) -> int:
    """How many peers each of n cities has at most."""
    if method == "peers" and number is not None and number > n - 1:
        raise UsageError(f"number: {number} peers were asked for, and there are {n - 1} other cities. Ask for fewer.")
    return min(USUAL, n - 1) if number is None else number


def _answer(context: Context, outcome: Floats, asked: Question, plan: Plan) -> ContextAdjustment:
    found, lonely = _expect(asked, plan)
    able = ~np.isnan(found.value)
    why_not = {**asked.why_not, **{asked.context.labels[i]: why for i, why in lonely.items()}}
    problems.refuse_lonely({asked.context.labels[i]: why for i, why in lonely.items()}, len(asked.outcome))
    problems.refuse_alike(asked.outcome[able])
    share = explained(asked.outcome[able], found.value[able], found.mean[able], plan.level)
    problems.refuse_too_good(*_best_share(asked, plan, share[0]))
    by_variable, kind = _shares(asked, plan, able, found.mean)
    outside = outside_support(asked.design, asked.context)
    residual = asked.outcome - found.value
    shrinkage = _shrunk(asked, found, residual, able)
    put = partial(_put, len(outcome), asked.rows)
    expected, mean = put(found.value), float(asked.outcome[able].mean())
    kept = np.ones(able.sum()) if shrinkage is None else shrinkage.kept
    left, posterior = np.full(len(able), np.nan), np.full(len(able), np.nan)
    left[able] = mean + kept * residual[able]
    if shrinkage is not None:
        posterior[able] = shrinkage.posterior_sd
    supported = np.zeros(len(outcome), dtype=bool)
    supported[asked.rows] = [able[i] and i not in outside for i in range(len(able))]
    return ContextAdjustment(
        context, outcome, expected, outcome - expected + mean, put(left), put(found.low), put(found.high),
        put(_q_values(residual, found, able, shrinkage)), supported, {asked.context.labels[i]: outside[i] for i in sorted(outside)},
        why_not, *share, by_variable, kind, found.guarantee, shrinkage, put(posterior), plan.method, plan.level,
        tuple(_notes(asked, plan, found, share, outside, shrinkage)),
    )  # fmt: skip


def _expect(asked: Question, plan: Plan) -> tuple[Expected, Mapping[int, str]]:
    """Expected values of the cities asked, and why there is none, by position."""
    if plan.method != "peers":
        return regress(asked.design, asked.outcome, asked.context.labels, plan, asked.chance), {}
    peers, alone = nearest_cities(asked.context, asked.log, plan.number)
    found, few = match(asked.outcome, peers, plan)
    at = {label: i for i, label in enumerate(asked.context.labels)}
    return found, {**few, **{at[label]: why for label, why in alone.items()}}


def _best_share(asked: Question, plan: Plan, share: float) -> tuple[float, str]:
    """The share that context explains by the method asked or by straight lines, whichever is larger: a sum is found by lines only."""
    if plan.method == "ridge":
        return share, "by ridge regression"
    lines = expected_alone(asked.design, asked.outcome, asked.context.labels, _with_ridge(plan))
    by_lines = explained(asked.outcome, lines, np.full(len(lines), asked.outcome.mean()), plan.level)[0]
    return max((share, f"by {plan.method}"), (by_lines, "by ridge regression"))


def _with_ridge(plan: Plan) -> Plan:
    return Plan("ridge", plan.folds, plan.repeats, plan.number, plan.tails, plan.level, plan.seed)


def _shares(asked: Question, plan: Plan, able: np.ndarray, mean: Floats) -> tuple[Mapping[str, float], str]:
    """What each context variable adds to the share explained, and of which kind these shares are."""
    names = asked.design.variables

    def value(chosen: Sequence[int]) -> float:
        expected = _expected_by(asked, plan, [int(k) for k in chosen])
        known = able & ~np.isnan(expected)
        return explained(asked.outcome[known], expected[known], mean[known], plan.level)[0]

    exact = len(names) <= EXACT[plan.method]
    found = shapley(len(names), value) if exact else left_out(len(names), value)
    return dict(zip(names, found, strict=True)), "mean over all orders" if exact else "lost without it"


def _expected_by(asked: Question, plan: Plan, chosen: Sequence[int]) -> Floats:
    """Expected values by some of the context variables."""
    if plan.method != "peers":
        return expected_alone(asked.design.only(chosen), asked.outcome, asked.context.labels, plan)
    names = [asked.design.variables[k] for k in chosen]
    columns = tuple(c for c in asked.context.columns if c.column in names)
    part = Context(asked.context.labels, columns, asked.context.frame[[c.column for c in columns]])
    peers, _ = nearest_cities(part, [c for c in asked.log if c in names], plan.number)
    means = [float(asked.outcome[p[: plan.number]].mean()) if len(p) > 1 else np.nan for p in peers]
    return np.array(means)


def _shrunk(asked: Question, found: Expected, residual: Floats, able: np.ndarray) -> Shrinkage | None:
    sampling = None if asked.errors is None else asked.errors[able] ** 2
    size = None if asked.size is None else asked.size[able]
    return shrink(residual[able], found.leverage[able], found.df, sampling, size)


def _q_values(residual: Floats, found: Expected, able: np.ndarray, shrinkage: Shrinkage | None) -> Floats:
    """Benjamini and Hochberg's q-values of the outlier test with normal errors.

    Each residual is divided by its standard deviation, and that sample's own part in it is taken out: Student's t for least squares.
    Ranks among the cities themselves cannot serve: their p-values are 1 / n, 2 / n, ... whatever the data are.

    Source: Benjamini and Hochberg (1995); Beckman and Trussell (1974) on residuals without the case.
    """
    from scipy.special import stdtr

    from scale_impact.core.profile.multiple_testing import benjamini_hochberg

    squares = residual[able] ** 2 / (1 + found.leverage[able])
    squares = squares / (squares.mean() if shrinkage is None else shrinkage.total)
    free = max(len(squares) - found.df, 2.0)
    with_own = np.minimum(squares, 0.999999 * free)
    t = np.sqrt(with_own * (free - 1) / (free - with_own))
    q = np.full(len(residual), np.nan)
    q[able] = benjamini_hochberg(2 * stdtr(free - 1, -t))
    return q


def _notes(
    asked: Question,
    plan: Plan,
    found: Expected,
    share: tuple[float, float, float],
    outside: Mapping[int, str],
    shrinkage: Shrinkage | None,
) -> list[str]:
    from scale_impact.benchmark.adjusting.sentences import notes

    return notes(asked.design, plan, found, share, [asked.context.labels[i] for i in sorted(outside)], shrinkage)


def _put(n: int, rows: Ints, values: Floats) -> Floats:
    """Values of the cities asked, in the order of all; NaN for the others."""
    found = np.full(n, np.nan)
    found[rows] = values
    return found
