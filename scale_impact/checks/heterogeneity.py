"""Does the effect differ between contexts? One answer from three tests, and what they could not have seen.

The linear projection asks along which contexts, the calibration whether predicted differences are real, the rank-weighted
average whether the ranking holds. Each sees what the others may miss; together they are adjusted (Holm), so that the chance
to find a difference where there is none keeps the level. "None found" comes with the spread of effects that would have been found:
without it the sentence says nothing. It is told for effects that change along the contexts in a line, which is what the projection
looks for; of other forms (one group, the middle) more is missed, and how much depends on how well the learner ranks them, which nobody
knows beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from scale_impact.checks._heterogeneity import POWER, Better, Case, Refit, asked, turned
from scale_impact.core.causal.for_whom.calibration import calibrate
from scale_impact.core.causal.for_whom.projection import Scored, project
from scale_impact.core.causal.for_whom.ranking import NORMAL_AUTOC, ranked
from scale_impact.core.check import Check, Verdict
from scale_impact.core.comparison import holm
from scale_impact.core.design import Design
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, p_words, some
from scale_impact.errors import EstimationError

NAME = "heterogeneity"

EXPOSURE = True

PROJECTION = "best_linear_projection"

TESTS = 3
"""How many are asked."""


@dataclass(frozen=True)
class _Test:
    """A test: its check, p-value, the spread of effects that it estimates, and the one it would have noticed (None: nobody knows)."""

    check: str
    p_value: float
    spread: float
    detectable: float | None = None


def run(panel: Panel, design: Design, refit: Refit, *, better: Better = "more", alpha: Share = 0.05) -> Check:
    """Three tests of the same question, adjusted for one another.

    Parameters
    ----------
    panel, design, refit:
        The data, the design and an estimator of conditional effects.
    better:
        Whether ``more`` of the outcome is better, or ``less``: for the ranking of who benefits.
    alpha:
        Level at which a difference counts as found, all tests counted.

    Returns
    -------
    Check that passes where heterogeneity is found and is inconclusive where it is not: then ``reason`` says which spread of effects (the
    standard deviation of effects that change along the contexts in a line) the projection would have noticed with power 0.8, at the third
    of ``alpha`` that it has among three tests. ``p_value`` is the least after Holm's adjustment,
    ``statistic`` the standard deviation of effects that the projection tells, less what noise adds. A test that has no answer is
    named with its reason in ``details.unanswered`` and is not counted.

    Source: as the checks best_linear_projection, cate_calibration and rank_weighted_ate; Holm (1979).
    """
    return asked(NAME, panel, design, refit, lambda case: _check(case, better, alpha))


def _check(case: Case, better: Better, alpha: float) -> Check:
    tests, why = _tests(turned(case.rows, better), alpha)
    adjusted = holm([t.p_value for t in tests])
    spread, average = tests[0].spread, case.rows.average
    seen = next((t.detectable for t in tests if t.detectable is not None), None)
    rows = [{**vars(t), "adjusted": float(p)} for t, p in zip(tests, adjusted, strict=True)]
    details = {
        "alpha": alpha, "average": average, "detectable": seen, "power": POWER, "rows": rows, "unanswered": why, "estimator": case.estimator,
    }  # fmt: skip
    verdict: Verdict = "pass" if min(adjusted) < alpha else "inconclusive"
    words = _found(rows, alpha, average) if verdict == "pass" else _not_found(details)
    return Check(NAME, verdict, words + _unanswered(why) + case.rough(), spread, min(adjusted), details=details)


def _tests(rows: Scored, alpha: float) -> tuple[list[_Test], dict[str, str]]:
    """The tests that have an answer, and why others have none.

    What the projection would have noticed is at the level that the least p-value of three has to pass.
    """
    found: list[_Test] = []
    why: dict[str, str] = {}
    asks: dict[str, Callable[[Scored], _Test]] = {
        PROJECTION: partial(_projection, alpha=alpha / TESTS), "cate_calibration": _calibration, "rank_weighted_ate": _ranking,
    }  # fmt: skip
    for name, ask in asks.items():
        try:
            found.append(ask(rows))
        except EstimationError as error:
            why[name] = " ".join(error.problems)
    if not found:
        raise EstimationError(list(why.values()))
    return found, why


def _projection(rows: Scored, alpha: float) -> _Test:
    line = project(rows)
    noise = float(np.trace(line.correlations @ line.covariance))
    spread = float(np.sqrt(max(line.spread**2 - noise, 0.0)))
    return _Test(PROJECTION, line.test[1], spread, line.detectable(alpha, POWER))


def _calibration(rows: Scored) -> _Test:
    found = calibrate(rows)
    return _Test("cate_calibration", found.p_value, max(found.slope, 0.0) * found.spread)


def _ranking(rows: Scored) -> _Test:
    found = ranked(rows, "AUTOC")
    return _Test("rank_weighted_ate", found.p_value, max(found.value, 0.0) / NORMAL_AUTOC)


def _found(rows: list[dict[str, Any]], alpha: float, average: float) -> str:
    clear = [f"{r['check']} ({p_words(r['adjusted'])})" for r in rows if r["adjusted"] < alpha]
    others = [f"{r['check']} ({p_words(r['adjusted'])})" for r in rows if r["adjusted"] >= alpha]
    spreads = [r["spread"] for r in rows if r["adjusted"] < alpha]
    rest = f", not by {some(others)}" if others else ""
    return (
        f"The effect differs between contexts: found by {some(clear)}{rest}, all tests counted. Its standard deviation between contexts is "
        f"about {number(max(spreads))}, the mean effect {number(average)}."
    )


def _not_found(details: dict[str, Any]) -> str:
    least, seen = min(details["rows"], key=lambda r: r["adjusted"]), details["detectable"]
    missed = (
        f"What would have been missed is not told without {PROJECTION}."
        if seen is None
        else f"Effects that change along the contexts in a line, with a standard deviation of {number(seen)}, would have been noticed with power "
        f"{POWER:.0%}; smaller ones, and of other forms even some as large, would have been missed more often."
    )
    return (
        f"No heterogeneity was found (least adjusted {p_words(least['adjusted'])}, {least['check']}). {missed} The mean effect is "
        f"{number(details['average'])}."
    )


def _unanswered(why: dict[str, str]) -> str:
    return "".join(f" Not asked: {name}. {reason}" for name, reason in why.items())
