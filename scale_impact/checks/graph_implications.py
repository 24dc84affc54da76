"""Do the data reject an independence that the study's graph implies?

Two columns without an arrow between them have to be independent given some others, if the graph is right. Each such
independence is tested (partial correlation, or with forests), by clusters, and all together (Holm). Fails where the data
reject one: then an arrow or a common cause is missing between the two. Data that reject none do not prove the graph: other
graphs imply the same, and few rows see little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scale_impact.core.causal.graphs.data import GraphData, graph_data
from scale_impact.core.causal.graphs.implications import Independence, implications
from scale_impact.core.causal.graphs.independence import Method, Tested, measured
from scale_impact.core.check import Check, Verdict
from scale_impact.core.comparison import holm
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number, some
from scale_impact.errors import DesignError, UsageError

Refit = Callable[[Panel, Design], Effect]

NAME = "graph_implications"
EXPOSURE = True
METHODS = ("linear", "forest", "classical")
FEW_CLUSTERS = 40


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    method: Method = "linear",
    alpha: Share = 0.05,
    seed: int = 20251122,
) -> Check:
    """Test each independence that the graph implies among observed columns.

    Parameters
    ----------
    method:
        ``linear``: what is left of both columns after a linear regression is uncorrelated, with errors by clusters; ``forest``:
        after random forests (cross-fitted by cluster), which finds what is not linear in what is held fixed;
        ``classical``: the textbook test of a partial correlation, for rows that do not depend on each other.
    alpha:
        Chance of rejecting anything where the graph is right.
    seed:
        Of the forests and their folds.

    Returns
    -------
    Check with all tests as details; the statistic is the largest one and its p-value holds for all tests together.

    Raises
    ------
    UsageError
        No such method, or alpha is not between 0 and 1.

    Source: Pearl (2009), theorem 1.2.5; Shah and Peters (2020), theorem 6; Holm (1979).
    """
    _refuse(method, alpha)
    try:
        data = graph_data(panel, design, NAME)
    except DesignError as error:
        return Check.inapplicable(NAME, " ".join(error.problems))
    asked = implications(data.graph)
    if not asked:
        return Check.inapplicable(NAME, _nothing(data))
    found = measured(data.nodes, asked, method, seed)
    raised = holm([t.p_value for t in found])
    rows = [_row(i, t, float(p)) for i, t, p in zip(asked, found, raised, strict=True)]
    return _check(rows, data, alpha, method)


def _refuse(method: str, alpha: float) -> None:
    problems = [] if method in METHODS else [f"method is {method!r}; it has to be one of {', '.join(METHODS)}."]
    if not 0 < alpha < 1:
        problems.append(f"alpha is {alpha!r}; it has to lie between 0 and 1, such as 0.05.")
    if problems:
        raise UsageError(problems)


def _nothing(data: GraphData) -> str:
    hidden = " or what nobody observed stands between them" if data.graph.unobserved or data.graph.common else ""
    return f"The graph implies no independence that data could reject: any two observed columns are joined{hidden}."


def _row(asked: Independence, found: Tested, raised: float) -> dict[str, Any]:
    return {
        "a": asked.a, "b": asked.b, "given": list(asked.given), "statistic": found.statistic, "df": list(found.df),
        "correlation": found.correlation, "p_value": found.p_value, "p_holm": raised, "words": asked.words,
    }  # fmt: skip


def _check(rows: list[dict[str, Any]], data: GraphData, alpha: float, method: str) -> Check:
    against = sorted((r for r in rows if r["p_holm"] < alpha), key=lambda r: r["p_value"])
    worst = min(rows, key=lambda r: r["p_value"])
    details = {
        "tests": rows, "method": method, "alpha": alpha, "n_rows": len(data.nodes.clusters), "n_clusters": data.nodes.n_clusters,
        "notes": list(data.notes),
    }  # fmt: skip
    reason = _against(against, len(rows)) if against else _held(worst, len(rows))
    reason += _few(data)
    verdict: Verdict = "fail" if against else "pass"
    return Check(NAME, verdict, reason, worst["statistic"], worst["p_holm"], details)


def _against(rows: list[dict[str, Any]], of: int) -> str:
    shown = [f"{r['words']} ({_size(r)}p = {r['p_holm']:.2g})" for r in rows]
    return (
        f"The data reject {len(rows)} of {counted(of, 'independence', 'independencies')} between pairs of columns that the graph implies: "
        f"{some(shown, 3)}. An arrow or a common cause is missing between the two, or a relation has another shape than the test's."
    )


def _size(row: dict[str, Any]) -> str:
    return "" if row["correlation"] is None else f"correlation {number(row['correlation'])}, "


def _held(worst: dict[str, Any], of: int) -> str:
    return (
        f"The data reject none of {counted(of, 'independence', 'independencies')} between pairs of columns that the graph implies; closest is {worst['words']} "
        f"({_size(worst)}p = {worst['p_holm']:.2g}). Other graphs imply the same, so this does not prove it."
    )


def _few(data: GraphData) -> str:
    n = data.nodes.n_clusters
    return f" With {counted(n, 'cluster')} only strong relations are seen." if n < FEW_CLUSTERS else ""
