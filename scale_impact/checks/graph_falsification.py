"""Does the study's graph fit the data better than the same graph with its columns exchanged?

graph_implications asks whether the data reject anything, and with many rows they always do. This check asks what that is
worth: the graph's local independencies are tested, those of graphs of the same shape with columns in other places too, and
the graph should violate fewer. Passes where at most a share alpha of permuted graphs violates as few; fails where more do;
inconclusive where permuted graphs often imply the very same, so that no data could tell (Eulig et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from annotated_types import Ge

from scale_impact.core.causal.graphs.data import GraphData, graph_data
from scale_impact.core.causal.graphs.falsification import Falsification, falsify
from scale_impact.core.causal.graphs.independence import Method
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted
from scale_impact.errors import DesignError, UsageError

Refit = Callable[[Panel, Design], Effect]

NAME = "graph_falsification"
EXPOSURE = True
METHODS = ("linear", "forest", "classical")

LOCAL = ("local independence", "local independencies")

COUNTED = (
    "each column given its causes, of what it does not cause; graph_implications counts pairs without an arrow instead"
)
"""Why the two checks count differently."""

FEWEST = 20
"""Permuted graphs with which a share of 5 % can be told."""


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    permutations: Annotated[int, Ge(FEWEST)] = 1000,
    method: Method = "linear",
    alpha: Share = 0.05,
    alpha_test: Share = 0.05,
    seed: int = 20251122,
) -> Check:
    """Compare the graph's violated independencies with those of permuted graphs.

    Parameters
    ----------
    permutations:
        How many permuted graphs; all, where there are no more.
    method:
        How an independence is tested; see graph_implications.
    alpha:
        Share of permuted graphs that may violate as few.
    alpha_test:
        An independence counts as violated where the p-value of its test is at most this.
    seed:
        Of the permutations (and of forests).

    Returns
    -------
    Check; the statistic is the share of violated independencies, the p-value the share of permuted graphs that violate no
    more.

    Raises
    ------
    UsageError
        An option is out of range.
    """
    _refuse(permutations, method, alpha=alpha, alpha_test=alpha_test)
    try:
        data = graph_data(panel, design, NAME)
    except DesignError as error:
        return Check.inapplicable(NAME, " ".join(error.problems))
    found = falsify(data.graph, data.nodes, draws=permutations, alpha=alpha_test, method=method, seed=seed)
    if found is None:
        return Check.inapplicable(
            NAME, "The graph implies no independence among observed columns, so data cannot speak against it."
        )
    verdict, reason = _verdict(found, alpha)
    share = found.violations / len(found.asked)
    return Check(NAME, verdict, reason, share, found.p_value, _details(found, data, method))


def _refuse(permutations: int, method: str, **levels: float) -> None:
    problems = [] if method in METHODS else [f"method is {method!r}; it has to be one of {', '.join(METHODS)}."]
    problems += [
        f"{n} is {v!r}; it has to lie between 0 and 1, such as 0.05." for n, v in levels.items() if not 0 < v < 1
    ]
    if permutations < FEWEST:
        problems.append(
            f"permutations is {permutations!r}; it has to be {FEWEST} or more, so that a share of 5% can be told."
        )
    if problems:
        raise UsageError(problems)


def _verdict(found: Falsification, alpha: float) -> tuple[Verdict, str]:
    drawn = "all" if found.complete else "randomly"
    counts = (
        f"The graph violates {found.violations} of {counted(len(found.asked), LOCAL[0], LOCAL[1])} ({COUNTED}); {found.p_value:.1%} of {drawn} permuted "
        f"graphs ({len(found.permuted):,}) violate no more"
    )
    if found.p_same > alpha:
        return "inconclusive", (
            f"{counts}. But {found.p_same:.1%} of them imply the very same as the graph, so data can hardly tell it from others: it has "
            "too many or too few arrows for that."
        )
    if found.p_value <= alpha:
        return "pass", f"{counts}: it fits better than the same arrows between other columns."
    return "fail", f"{counts}: it fits hardly better than the same arrows between columns drawn at random."


def _details(found: Falsification, data: GraphData, method: str) -> dict[str, Any]:
    tests = zip(found.asked, found.p_values, strict=True)
    return {
        "tests": [
            {"a": i.a, "b": i.b, "given": list(i.given), "p_value": float(p), "words": i.words} for i, p in tests
        ],
        "violations": found.violations,
        "permuted": found.permuted.tolist(),
        "p_same": found.p_same,
        "complete": found.complete,
        "method": method,
        "n_rows": len(data.nodes.clusters),
        "n_clusters": data.nodes.n_clusters,
        "notes": list(data.notes),
    }
