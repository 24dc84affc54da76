"""Does the ranking of who benefits hold out of sample? Rank-weighted average effects and the curve behind them (TOC).

If the share u with the highest predicted effects were treated first, how much larger would their mean effect be than that of all?
The area under this curve is zero where the ranking says nothing, whatever the form of the predictions: only their order counts.
Predictions come from models that never saw the row; rows that taught each other's models depend on each other, and the standard
error allows for that (``core.causal.for_whom.calibration``).
"""

from __future__ import annotations

from scale_impact.checks._heterogeneity import POWER, Better, Case, Refit, asked, turned, unsaid
from scale_impact.core.causal.for_whom.ranking import Ranking, Target, ranked
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, p_words

NAME = "rank_weighted_ate"

EXPOSURE = True

TARGETS: tuple[Target, ...] = ("AUTOC", "QINI")


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    target: Target = "AUTOC",
    better: Better | None = None,
    alpha: Share = 0.05,
) -> Check:
    """The area under the curve of effects among those ranked first.

    Parameters
    ----------
    panel, design, refit:
        The data, the design and an estimator of conditional effects.
    target:
        ``AUTOC`` notices a few with much larger effects sooner, ``QINI`` a ranking that splits everybody.
    better:
        Whether ``more`` of the outcome is better, or ``less``: then effects are turned round into gains, and those with the lowest come
        first. Default what the catalogue says of the study's outcome, else ``more``, and that is said.
    alpha:
        Level of the one-sided test.

    Returns
    -------
    Check that passes where the area is above zero and is inconclusive otherwise. An area below zero is usual where effects do not
    differ: what a fold has by chance, the others lack, so that their models rank it the wrong way round. ``statistic`` is the
    area, in the outcome's unit, of gains. ``details`` has both areas and the curve, of gains too.

    Source: Yadlowsky, Fleming, Shah, Brunskill and Wager (2025), definitions 1 to 3.
    """
    return asked(NAME, panel, design, refit, lambda case: _check(case, target, better, alpha))


def _check(case: Case, target: Target, better: Better | None, alpha: float) -> Check:
    both = {name: ranked(turned(case.rows, better), name) for name in TARGETS}
    found = both[target]
    verdict: Verdict = "pass" if found.p_value < alpha else "inconclusive"
    curve = [
        {"share": s, "toc": float(t), "std_error": float(e)}
        for s, t, e in zip(found.shares, found.toc, found.toc_errors, strict=True)
    ]
    detectable = both["AUTOC"].detectable(alpha, POWER)
    details = {
        "alpha": alpha, "target": target, "better": better or "more", "df": found.df, "average": case.rows.average,
        "areas": {n: {"value": r.value, "std_error": r.std_error, "p_value": r.p_value} for n, r in both.items()},
        "plain_error": found.plain_error, "detectable": detectable, "curve": curve,
    }  # fmt: skip
    words = _words(found, better, verdict, detectable) + unsaid(better) + case.rough()
    return Check(NAME, verdict, words, found.value, found.p_value, details=details)


def _words(found: Ranking, better: Better | None, verdict: Verdict, detectable: float) -> str:
    area = f"{found.target} of gains, which are falls," if better == "less" else found.target
    size = f"{area} {number(found.value)}, standard error {number(found.std_error)}, one-sided {p_words(found.p_value)}"
    fifth = float(found.toc[found.shares.index(0.2)])
    if verdict == "pass":
        side = "below" if (better == "less") == (fifth >= 0) else "above"
        return f"The ranking holds out of sample ({size}): in the fifth ranked first the effect is {number(abs(fifth))} {side} the mean."
    return (
        f"The ranking of who benefits does not hold out of sample ({size}): treating those ranked first cannot be told from treating at random. "
        f"Were effects ranked without error, a standard deviation of {number(detectable)} would have been noticed with power {POWER:.0%}."
    )
