"""Who should get it? The best rule of at most three questions about contexts, and what it is worth out of sample.

All trees of depth 2 are compared, exactly, by the scores less what treating one unit costs. Their value is told by rows that the
rule was not made from, beside treating everybody, nobody, and whoever is predicted to gain. A rule that is no better than the
better of all and none is not worth its trouble, and that is an answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from scale_impact.checks._heterogeneity import Better, Case, Refit, asked, turned
from scale_impact.core.causal.for_whom.policy import Policy, Tree, Value, learn
from scale_impact.core.causal.for_whom.projection import Floats, Scored, independent, p_words
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number
from scale_impact.errors import EstimationError

NAME = "policy_tree"

EXPOSURE = True

LEAST = 0.05
"""Of the rows, in each leaf, unless ``least`` says how many."""


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    cost: Annotated[float, Ge(0)] = 0.0,
    better: Better = "more",
    splits: Count = 64,
    least: Count | None = None,
    alpha: Share = 0.05,
) -> Check:
    """The best rule of depth 2 and its value.

    Parameters
    ----------
    panel, design, refit:
        The data, the design (a 0/1 exposure or adoption) and an estimator of conditional effects.
    cost:
        Of treating one row, in the outcome's unit.
    better:
        Whether ``more`` of the outcome is better, or ``less``.
    splits:
        Thresholds tried in each context: all where there are no more, otherwise so many quantiles.
    least:
        Rows in each leaf; default a twentieth.
    alpha:
        Level of the one-sided test.

    Returns
    -------
    Check that passes where the rule is better than treating all and than treating none, inconclusive otherwise.
    ``statistic`` is what it gains on the better of the two. ``details`` has the tree (``root``), the values with standard errors, ``regret``
    against the better of all and none, and the ``oracle``: the sum of positive scores, which noise alone makes large.

    Source: Zhou, Athey and Wager (2023), section 3; Athey and Wager (2021).
    """
    return asked(NAME, panel, design, refit, lambda case: _check(case, cost, better, splits, least, alpha))


def _check(case: Case, cost: float, better: Better, splits: int, least: int | None, alpha: float) -> Check:
    if not case.found.rows.binary:
        raise EstimationError(
            f"{case.exposure} is no 0/1 exposure: a rule who is treated cannot be told from effects of doses."
        )
    rows = _telling(turned(case.rows, better))
    leaf = least or max(1, round(LEAST * len(rows)))
    found = learn(rows, cost, splits, leaf)
    verdict: Verdict = "pass" if found.p_value < alpha else "inconclusive"
    details = {
        "alpha": alpha, "cost": cost, "better": better, "least": leaf, "df": found.df, "treated": found.treated,
        "root": _tree(found.tree, rows, cost), "values": _values(found), "regret": found.regret, "oracle": found.oracle,
        "promised": found.promised, "same": _stability(found, rows),
    }  # fmt: skip
    words = _words(found, rows, verdict) + case.rough()
    return Check(NAME, verdict, words, -found.regret, found.p_value, details=details)


def _telling(rows: Scored) -> Scored:
    """Rows with the contexts that vary and say something of their own."""
    kept = independent(rows.contexts - rows.contexts.mean(axis=0))
    names = tuple(rows.names[k] for k in kept)
    if not kept:
        raise EstimationError("No context varies, so there is nothing that a rule could ask.")
    return replace(rows, contexts=rows.contexts[:, kept], names=names)


def _values(found: Policy) -> dict[str, Any]:
    def told(value: Value) -> dict[str, float]:
        return {"value": value.value, "std_error": value.std_error}

    return {
        "rule": told(found.value), "everybody": told(found.all), "rule_less_everybody": told(found.over_all),
        "by_prediction": told(found.by_prediction),
    }  # fmt: skip


def _stability(found: Policy, rows: Scored) -> float:
    """Share of rows that a fold's rule decides as the rule from all rows does, in the mean over folds."""
    decided = found.tree.decide(rows.contexts)
    return float(np.mean([np.mean(t.decide(rows.contexts) == decided) for t in found.trees]))


def _tree(tree: Tree, rows: Scored, cost: float) -> dict[str, Any]:
    """The tree as nested values; of each leaf the mean gain of its rows, which the rule was made from."""
    gains = rows.scores - cost * rows.weight
    return _node(tree, rows, gains, np.ones(len(rows), dtype=bool))


def _node(tree: Tree, rows: Scored, gains: Floats, here: Any) -> dict[str, Any]:
    if tree.context is None or tree.low is None or tree.high is None:
        return {"treat": tree.treat, "n": int(here.sum()), "gain": float(gains[here].sum() / rows.weight[here].sum())}
    below = rows.contexts[:, tree.context] <= tree.threshold
    return {
        "context": rows.names[tree.context], "threshold": tree.threshold, "n": int(here.sum()),
        "low": _node(tree.low, rows, gains, here & below), "high": _node(tree.high, rows, gains, here & ~below),
    }  # fmt: skip


def _rule(tree: Tree, names: tuple[str, ...]) -> str:
    """Whom the rule treats, in words."""
    leaves = list(tree.leaves())
    if len(leaves) == 1:
        return "treat everybody" if leaves[0][1] else "treat nobody"
    ways = [_way(path, names) for path, treat in leaves if treat]
    return f"treat where {', or '.join(ways)}"


def _way(path: tuple[tuple[int, bool, float], ...], names: tuple[str, ...]) -> str:
    """The questions on the way to a leaf; of two in one direction about one context the one that says more."""
    ends: dict[tuple[int, bool], float] = {}
    for context, low, threshold in path:
        known = ends.get((context, low), threshold)
        ends[context, low] = min(known, threshold) if low else max(known, threshold)
    return " and ".join(f"{names[k]} {'at most' if low else 'above'} {number(t)}" for (k, low), t in ends.items())


def _words(found: Policy, rows: Scored, verdict: Verdict) -> str:
    best, worth = found.best_constant
    value = f"{number(found.value.value)} (standard error {number(found.value.std_error)}) for each unit on rows it was not made from"
    against = f"treating {best} {number(worth)}"
    rule = f"The best rule of depth 2: {_rule(found.tree, rows.names)}."
    if verdict == "pass":
        return f"{rule} Such rules are worth {value}, {against}; the gain is {number(-found.regret)} ({p_words(found.p_value)})."
    return (
        f"No rule was found that is better than treating all or none alike. {rule} Such rules are worth {value}, {against} "
        f"(regret {number(found.regret)}). What the rule promises in its own data, {number(found.promised)}, is not to be trusted."
    )
