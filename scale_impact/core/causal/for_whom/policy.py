"""Policy trees of depth 2: the best rule with at most three questions about contexts, found by exact search.

A rule treats some rows; its value is the mean over all rows of what it does to them, scores less the cost of treating. For each pair of
contexts one table of summed gains by both (cut into at most so many classes) tells the value of every pair of questions at once, so that
all trees of depth 2 are compared: no greedy step, no random start.

What a rule is worth is told by rows that it was not made from: a tree a fold, made from the other folds. The variance of that is
counted twice, see ``calibration``.

Source: Zhou, Athey and Wager (2023), section 3; Athey and Wager (2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.causal.for_whom.calibration import reuse
from scale_impact.core.causal.for_whom.projection import Floats, Ints, Scored

CLOSE = 1e-9
"""Of the summed gains: a more complicated tree has to be better by more than this share."""


@dataclass(frozen=True)
class Tree:
    """A rule: a leaf, which treats or does not, or a question (``context`` at most ``threshold``) with two trees below.

    ``gain`` is the sum of gains that it promises in the data it was made from.
    """

    gain: float
    treat: bool = False
    context: int | None = None
    threshold: float = 0.0
    low: Tree | None = None
    high: Tree | None = None

    @property
    def questions(self) -> int:
        """How many questions it asks."""
        return 0 if self.low is None or self.high is None else 1 + self.low.questions + self.high.questions

    def decide(self, contexts: Floats) -> NDArray[np.bool_]:
        """Who is treated, [n]."""
        if self.context is None or self.low is None or self.high is None:
            return np.full(len(contexts), self.treat)
        below = contexts[:, self.context] <= self.threshold
        return np.where(below, self.low.decide(contexts), self.high.decide(contexts))

    def leaves(
        self, path: tuple[tuple[int, bool, float], ...] = ()
    ) -> Iterator[tuple[tuple[tuple[int, bool, float], ...], bool]]:
        """Each leaf's way (context, whether at most, threshold) and whether it treats."""
        if self.context is None or self.low is None or self.high is None:
            yield path, self.treat
        else:
            yield from self.low.leaves((*path, (self.context, True, self.threshold)))
            yield from self.high.leaves((*path, (self.context, False, self.threshold)))


def _leaf(gain: float) -> Tree:
    return Tree(max(gain, 0.0), treat=gain > 0)


@dataclass(frozen=True, eq=False)
class Classes:
    """Contexts cut into classes: codes [n, K] and the thresholds between them."""

    codes: Ints
    thresholds: tuple[Floats, ...]

    def take(self, rows: NDArray[np.bool_]) -> Classes:
        """Some of the rows."""
        return Classes(self.codes[rows], self.thresholds)


def classes(contexts: Floats, most: int) -> Classes:
    """Cut each context between its values, at all of them or at ``most`` quantiles where there are more."""
    thresholds = tuple(_thresholds(column, most) for column in contexts.T)
    codes = [np.searchsorted(t, column, side="left") for t, column in zip(thresholds, contexts.T, strict=True)]
    return Classes(np.column_stack(codes).astype(np.int64) if codes else np.empty((len(contexts), 0), int), thresholds)


def _thresholds(column: Floats, most: int) -> Floats:
    """Cuts half-way between neighbouring values."""
    values = np.unique(column)
    between = (values[1:] + values[:-1]) / 2
    if len(between) <= most:
        return between
    wanted = np.quantile(column, np.arange(1, most + 1) / (most + 1))
    return np.unique(between[np.minimum(np.searchsorted(between, wanted), len(between) - 1)])


def best_tree(gains: Floats, cut: Classes, least: int) -> Tree:
    """The tree of depth 2 with the largest sum of gains; the simplest where several are as good.

    ``least`` is how many rows a leaf needs at the least. Exact over the classes' thresholds.
    """
    best = _leaf(float(gains.sum()))
    slack = CLOSE * float(np.abs(gains).sum())
    for root in range(cut.codes.shape[1]):
        found = _best_below(gains, cut, root, least, slack)
        if found is not None and found.gain - slack * found.questions > best.gain - slack * best.questions:
            best = found
    return best


@dataclass(frozen=True, eq=False)
class _Side:
    """Of one side of the root, by its threshold [M]: the best gain, the context asked next (-1: none) and its threshold."""

    gain: Floats
    context: Ints
    at: Ints

    def tree(self, root: int, cut: Classes, sums: Floats) -> Tree:
        """The tree of this side at a threshold of the root; ``sums`` are the gains of its parts."""
        if self.context[root] < 0:
            return _leaf(float(sums[0] + sums[1]))
        child = int(self.context[root])
        threshold = float(cut.thresholds[child][int(self.at[root])])
        low, high = _leaf(float(sums[0])), _leaf(float(sums[1]))
        if low.treat == high.treat:
            return _leaf(float(sums[0] + sums[1]))
        return Tree(low.gain + high.gain, context=child, threshold=threshold, low=low, high=high)


def _best_below(gains: Floats, cut: Classes, root: int, least: int, slack: float) -> Tree | None:
    """The best tree whose first question is about one context; None where it cannot be cut. Each further question costs ``slack``."""
    m = len(cut.thresholds[root])
    if not m:
        return None
    tables = [_tables(gains, cut, root, child) for child in range(cut.codes.shape[1])]
    sides = [_side([_part(t, below) for t in tables], least) for below in (True, False)]
    asks = (sides[0].context >= 0).astype(float) + (sides[1].context >= 0)
    total = sides[0].gain + sides[1].gain - slack * asks
    at = int(total.argmax())
    if not np.isfinite(total[at]):
        return None
    low, high = (_side_tree(s, at, tables, cut, below) for s, below in zip(sides, (True, False), strict=True))
    if low.context is None and high.context is None and low.treat == high.treat:
        return None
    return Tree(low.gain + high.gain, context=root, threshold=float(cut.thresholds[root][at]), low=low, high=high)


Table = tuple[Floats, Floats]
"""Gains and rows [M + 1, Mc + 1], cumulated over both contexts' classes."""


def _tables(gains: Floats, cut: Classes, root: int, child: int) -> Table:
    m, k = len(cut.thresholds[root]) + 1, len(cut.thresholds[child]) + 1
    code = cut.codes[:, root] * k + cut.codes[:, child]
    made = (np.bincount(code, w, m * k).reshape(m, k) for w in (gains, np.ones(len(gains))))
    first, second = (t.cumsum(axis=0).cumsum(axis=1) for t in made)
    return first, second


def _part(table: Table, below: bool) -> tuple[Table, Table]:
    """Gains and rows [M, Mc + 1] on one side of each threshold of the root: cumulated over the child, and in all."""
    gain, count = ((t[:-1] if below else t[-1] - t[:-1]) for t in table)
    return (gain, count), (gain[:, -1:], count[:, -1:])


def _side(parts: list[tuple[Table, Table]], least: int) -> _Side:
    """The best question on one side, for each threshold of the root."""
    total, rows = (t[:, 0] for t in parts[0][1])
    gain = np.where(rows >= least, np.maximum(total, 0.0), -np.inf)
    context, at = np.full(len(gain), -1), np.zeros(len(gain), dtype=np.int64)
    for child, ((some, count), (all_, n)) in enumerate(parts):
        if some.shape[1] < 2:
            continue
        low, few = some[:, :-1], np.minimum(count[:, :-1], n - count[:, :-1])
        both = np.where(few >= least, np.maximum(low, 0.0) + np.maximum(all_ - low, 0.0), -np.inf)
        where = both.argmax(axis=1)
        found = both[np.arange(len(gain)), where]
        better = found > np.where(np.isfinite(gain), gain * (1 + CLOSE), gain)
        gain, context, at = np.where(better, found, gain), np.where(better, child, context), np.where(better, where, at)
    return _Side(gain, context, at)


def _side_tree(side: _Side, at: int, tables: list[Table], cut: Classes, below: bool) -> Tree:
    """One side of the best root as a tree."""
    child = max(int(side.context[at]), 0)
    (gain, _), _ = _part(tables[child], below)
    low = float(gain[at, int(side.at[at])])
    return side.tree(at, cut, np.array([low, float(gain[at, -1]) - low]))


# ---- value ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Value:
    """A mean over all rows, in the outcome's unit, with its standard error."""

    value: float
    std_error: float


@dataclass(frozen=True, eq=False)
class Policy:
    """The rule made from all rows, and what rules made so are worth where they were not made.

    Attributes
    ----------
    tree:
        Made from all rows.
    trees:
        One a fold, made from the others.
    treated:
        Share of weight that the folds' rules treat.
    value:
        Of the folds' rules on the rows left out, against treating nobody.
    all:
        The value of treating everybody.
    over_all:
        ``value`` less that of treating everybody.
    by_prediction:
        The value of treating whoever's predicted effect exceeds the cost.
    oracle:
        Mean of the positive gains, row by row: no rule can be better, and noise alone makes it large.
    promised:
        The value that the rule from all rows has in these rows themselves: too large.
    df:
        Clusters less 1.
    """

    tree: Tree
    trees: tuple[Tree, ...]
    treated: float
    value: Value
    all: Value
    over_all: Value
    by_prediction: Value
    oracle: float
    promised: float
    df: int

    @property
    def best_constant(self) -> tuple[str, float]:
        """The better of treating everybody or nobody, and its value."""
        return ("everybody", self.all.value) if self.all.value > 0 else ("nobody", 0.0)

    @property
    def gain(self) -> float:
        """Value of the rule less that of the better of all and none: negative where the rule is worse."""
        return self.value.value - self.best_constant[1]

    @property
    def regret(self) -> float:
        """What is lost against the best rule of this depth, at the most: ``promised`` (or what all or none is worth, where that is
        more) less ``value``, and no less than 0.

        The best rule is unknown. ``tree`` is the best in the rows that it was made from, so that what it promises there is on average
        no less than what the best rule is worth: a maximum's mean is no less than the maximum of means.

        Source: Zhou, Athey and Wager (2023), section 2, for what regret is.
        """
        return max(self.promised - self.value.value, -self.gain, 0.0)

    @property
    def p_value(self) -> float:
        """One-sided: the rule is not better than both treating all and treating none."""
        from scipy import special

        against = [self.value, self.over_all]
        t = [a.value / a.std_error if a.std_error > 0 else 0.0 for a in against]
        return float(special.stdtr(self.df, -min(t)))


def learn(rows: Scored, cost: float, splits: int, least: int) -> Policy:
    """Find the tree, and its value by rows that it was not made from."""
    gains = rows.mended(cost) - cost * rows.weight
    cut = classes(rows.contexts, splits)
    folds = range(int(rows.folds.max()) + 1)
    trees = tuple(_without(gains, cut, rows.folds, fold, least) for fold in folds)
    treat = np.zeros(len(rows), dtype=bool)
    for fold in folds:
        treat[rows.folds == fold] = trees[fold].decide(rows.contexts[rows.folds == fold])
    tree = best_tree(gains, cut, least) if len(trees) > 1 else trees[0]
    factor = reuse(rows)
    return Policy(
        tree=tree, trees=trees, treated=float(rows.weight @ treat / rows.weight.sum()),
        value=_value(rows, cost, treat, factor), all=_value(rows, cost, np.ones(len(rows)), 1.0),
        over_all=_value(rows, cost, treat - 1.0, factor), by_prediction=_value(rows, cost, rows.cate > cost, factor),
        oracle=float(np.maximum(gains, 0).sum() / rows.weight.sum()),
        promised=tree.gain / float(rows.weight.sum()), df=rows.n_clusters - 1,
    )  # fmt: skip


def _without(gains: Floats, cut: Classes, folds: Ints, fold: int, least: int) -> Tree:
    """The tree made from the other folds; from all rows where there is one fold."""
    others = folds != fold
    others = others if others.any() else np.ones(len(folds), dtype=bool)
    return best_tree(gains[others], cut.take(others), least)


def _value(rows: Scored, cost: float, decides: NDArray[Any], factor: float) -> Value:
    """Mean gain of what is decided [n] (1 treats, 0 does not; -1 takes away), its variance by clusters times a factor."""
    total = float(rows.weight.sum())
    gains = decides * (rows.mended(cost) - cost * rows.weight)
    if rows.surplus is not None:
        gains = gains - rows.surplus * (gains.sum() / total)
    mean = float(gains.sum() / total)
    sums = sums_by(rows.clusters, gains - rows.weight * mean) / total
    return Value(mean, float(np.sqrt(factor * (sums**2).sum() * rows.n_clusters / (rows.n_clusters - 1))))
