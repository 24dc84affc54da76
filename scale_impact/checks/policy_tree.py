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

from scale_impact.checks._heterogeneity import Better, Case, Refit, asked, turned, unsaid
from scale_impact.core.causal.for_whom.policy import Policy, Tree, Value, learn
from scale_impact.core.causal.for_whom.projection import Floats, Ints, Scored, independent
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, p_words
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
    better: Better | None = None,
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
        Whether ``more`` of the outcome is better, or ``less``: gains are rises or falls, less the cost. Default what the catalogue says
        of the study's outcome, else ``more``, and that is said.
    splits:
        Thresholds tried in each context: all where there are no more, otherwise so many quantiles.
    least:
        Rows in each leaf; default a twentieth.
    alpha:
        Level of the one-sided test.

    Returns
    -------
    Check that passes where the rule is better than treating all and than treating none, inconclusive otherwise.
    ``statistic`` is what it gains on the better of the two. ``details`` has the tree (``root``; of each leaf the ``rows`` that are compared,
    the units ``n`` among them and their mean gain), the values with standard errors, that ``gain``, ``regret``: what is lost against the
    best rule of this depth, at the most, and the ``oracle``: the sum of positive scores, which noise alone makes large.

    Source: Zhou, Athey and Wager (2023), section 3; Athey and Wager (2021).
    """
    return asked(NAME, panel, design, refit, lambda case: _check(case, cost, better, splits, least, alpha))


def _check(case: Case, cost: float, better: Better | None, splits: int, least: int | None, alpha: float) -> Check:
    if not case.found.rows.binary:
        raise EstimationError(
            f"{case.exposure} is no 0/1 exposure: a rule who is treated cannot be told from effects of doses."
        )
    rows = _telling(turned(case.rows, better))
    leaf = least or max(1, round(LEAST * len(rows)))
    found = learn(rows, cost, splits, leaf)
    verdict: Verdict = "pass" if found.p_value < alpha else "inconclusive"
    details = {
        "alpha": alpha, "cost": cost, "better": better or "more", "least": leaf, "df": found.df, "treated": found.treated,
        "root": _tree(found.tree, rows, case.found.rows.units, cost), "values": _values(found), "gain": found.gain,
        "regret": found.regret, "oracle": found.oracle, "promised": found.promised, "same": _stability(found, rows),
    }  # fmt: skip
    worth = _worth(case.found.rows.outcome_name, better, cost)
    words = _words(found, rows, verdict, worth) + unsaid(better) + case.rough()
    return Check(NAME, verdict, words, found.gain, found.p_value, details=details)


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


def _tree(tree: Tree, rows: Scored, units: Ints, cost: float) -> dict[str, Any]:
    """The tree as nested values; of each leaf the mean gain of its rows, which the rule was made from.

    Controls are compared with each cohort: rows may be more than units.
    """
    gains = rows.mended(cost) - cost * rows.weight
    return _node(tree, rows, units, gains, np.ones(len(rows), dtype=bool))


def _node(tree: Tree, rows: Scored, units: Ints, gains: Floats, here: Any) -> dict[str, Any]:
    counts = {"n": len(np.unique(units[here])), "rows": int(here.sum())}
    if tree.context is None or tree.low is None or tree.high is None:
        return {"treat": tree.treat, **counts, "gain": float(gains[here].sum() / rows.weight[here].sum())}
    below = rows.contexts[:, tree.context] <= tree.threshold
    return {
        "context": rows.names[tree.context], "threshold": tree.threshold, **counts,
        "low": _node(tree.low, rows, units, gains, here & below), "high": _node(tree.high, rows, units, gains, here & ~below),
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


def _worth(outcome: str, better: Better | None, cost: float) -> str:
    """What values are, as a sentence."""
    less = f", less a cost of {number(cost)} for each that is treated" if cost else ""
    return f" Values are {'falls' if better == 'less' else 'rises'} of {outcome}{less}: larger is better."


def _words(found: Policy, rows: Scored, verdict: Verdict, worth: str) -> str:
    best, other = found.best_constant
    value = f"{number(found.value.value)} (standard error {number(found.value.std_error)}) for each unit on rows it was not made from"
    rule = f"The best rule of depth 2: {_rule(found.tree, rows.names)}."
    none = "" if verdict == "pass" else "No rule was found that is better than treating all or none alike. "
    return (
        f"{none}{rule} Such rules are worth {value}, treating {best} {number(other)}: a gain of {number(found.gain)} "
        f"({p_words(found.p_value)}). In the rows it was made from the rule promises {number(found.promised)}, which is too much: what is lost "
        f"against the best rule of this depth (regret) is {number(found.regret)} at the most.{worth}"
    )
