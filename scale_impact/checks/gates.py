"""How large is the effect where it is predicted to be lowest and highest, and who is meant? GATES and CLAN.

Rows are sorted by the effect predicted for them (models never saw them), cut into groups, and the scores of each group averaged: these
are effects, not predictions. Where the ranking says something they rise from group to group. CLAN is the mean context of the first
and the last group: it describes those for whom models predict least and most, and means something where their effects differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge

from scale_impact.checks._heterogeneity import POWER, Better, Case, Refit, asked
from scale_impact.core.causal.for_whom.groups import Contrasts, Groups, contrasts, grouped
from scale_impact.core.check import Check, Verdict
from scale_impact.core.comparison import holm
from scale_impact.core.design import Design
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, p_words, some

NAME = "gates"

EXPOSURE = True


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    groups: Annotated[int, Ge(2)] = 5,
    better: Better | None = None,
    alpha: Share = 0.05,
) -> Check:
    """Effects by groups of predicted effect, and the contexts of the first and the last group.

    Parameters
    ----------
    panel, design, refit:
        The data, the design and an estimator of conditional effects.
    groups:
        Into how many groups rows are cut, within each fold.
    better:
        Whether ``more`` of the outcome is better, or ``less``: says which group gains most, and changes no number. Default what the
        catalogue says of the study's outcome, else nothing is said of gains.
    alpha:
        Level of the tests.

    Returns
    -------
    Check that passes where the last group's effect is larger than the first's (one-sided) and is inconclusive otherwise. A
    negative difference is usual where effects do not differ: what a fold has by chance, the others lack. ``statistic`` is the
    difference. ``details.rows`` are the groups (``rearranged``: the effects in rising order, which they must have if the ranking is
    right, and closer to the truth then), ``details.contexts`` the contexts with Holm's p-values.

    Source: Chernozhukov, Demirer, Duflo and Fernandez-Val (2018), sections 3.2 and 3.3; Chernozhukov, Fernandez-Val and Galichon (2009).
    """
    return asked(NAME, panel, design, refit, lambda case: _check(case, groups, better, alpha))


def _check(case: Case, groups: int, better: Better | None, alpha: float) -> Check:
    found = grouped(case.rows, groups)
    who = contrasts(case.rows, found)
    value, error = found.difference
    verdict: Verdict = "pass" if found.p_value < alpha else "inconclusive"
    share = case.rows.weight / len(case.rows)
    contexts = _contexts(who)
    details = {
        "alpha": alpha, "difference": value, "difference_error": error, "df": found.df, "detectable": found.detectable(alpha, POWER),
        "average": case.rows.average, "predicted": float(share @ case.rows.cate),
        "better": better, "rows": _rows(found), "contexts": contexts,
    }  # fmt: skip
    words = _words(found, better, alpha, verdict) + _who(contexts, better, alpha, verdict) + case.rough()
    return Check(NAME, verdict, words, value, found.p_value, details=details)


def _rows(found: Groups) -> list[dict[str, Any]]:
    columns = zip(found.effects, found.std_errors, found.rearranged, found.predicted, found.counts, strict=True)
    return [
        {
            "group": k + 1,
            "effect": float(e),
            "std_error": float(s),
            "rearranged": float(r),
            "predicted": float(p),
            "n": int(n),
        }
        for k, (e, s, r, p, n) in enumerate(columns)
    ]


def _contexts(who: Contrasts) -> list[dict[str, Any]]:
    plain = who.p_values()
    columns = zip(who.names, who.least, who.most, who.std_errors, who.spreads, plain, holm(plain), strict=True)
    return [
        {
            "context": name, "least": float(a), "most": float(b), "difference": float(b - a), "std_error": float(se), "sd": float(sd),
            "p_value": float(p), "adjusted": float(q),
        }
        for name, a, b, se, sd, p, q in columns
    ]  # fmt: skip


GAINS: Mapping[Better | None, tuple[str, str]] = {
    None: ("", ""), "more": (" (who should gain most)", " (least)"), "less": (" (who should gain least)", " (most)"),
}  # fmt: skip
"""What is said of the groups with the highest and the lowest predicted effects, by what is better."""


def _words(found: Groups, better: Better | None, alpha: float, verdict: Verdict) -> str:
    value, error = found.difference
    highest, lowest = GAINS[better]
    ends = (
        f"{number(float(found.effects[-1]))} in the group with the highest predicted effects{highest}, "
        f"{number(float(found.effects[0]))} in that with the lowest{lowest}"
    )
    size = f"difference {number(value)}, standard error {number(error)}, one-sided {p_words(found.p_value)}"
    if verdict == "pass":
        return f"The effect is {ends} ({size})."
    return (
        f"The effect is {ends} ({size}): no difference was found. One of {number(found.detectable(alpha, POWER))} would have been noticed "
        f"with power {POWER:.0%}."
    )


def _who(contexts: list[dict[str, Any]], better: Better | None, alpha: float, verdict: Verdict) -> str:
    clear = sorted(
        (c for c in contexts if c["adjusted"] < alpha), key=lambda c: -abs(c["difference"]) / max(c["sd"], 1e-300)
    )
    if verdict != "pass" or not clear:
        return ""
    first, second = ("least", "most") if better == "less" else ("most", "least")
    said = [f"{c['context']} {number(c[first])} against {number(c[second])}" for c in clear]
    who = (
        "Highest against lowest" if better is None else "Those who should gain most against those who should gain least"
    )
    return f" {who}: {some(said, 3)}."
