"""Do several instruments agree? Each alone gives an estimate; where they differ by more than chance, one of them is not valid.

Or effects differ among those whom each of them moves: the test cannot tell the two apart. And instruments that agree may all be wrong in
the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scale_impact.core.causal.instruments.instrumental import Instrumental
from scale_impact.core.causal.instruments.weak import shape
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number

NAME = "overidentification"

EXPOSURE = True

Refit = Callable[[Panel, Design], Effect]


def run(panel: Panel, design: Design, refit: Refit, *, level: Share = 0.95) -> Check:
    """Hansen's J test (Sargan's where errors have equal variances), and the estimate by each instrument.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator that uses instruments.
    level:
        Of the test and of the intervals.

    Returns
    -------
    Check that fails where agreement is rejected, is inconclusive where it is not but instruments are weak (the test then sees little), and
    passes otherwise. ``details.rows``: the estimate by each instrument.

    Source: Sargan (1958); Hansen (1982); Parente and Santos Silva (2012) on what the test can see.
    """
    effect = refit(panel, design)
    told = effect.instrumental
    if told is None:
        return Check.inapplicable(NAME, f"{effect.estimator} uses no instruments; use instrumental_variable.")
    test = told.overidentification
    if test.p_value is None:
        return Check.inapplicable(NAME, f"Not to be tested: {test.reason}.")
    empty = shape(told.anderson_rubin.region(level)) == "empty"
    rejected = test.p_value < 1 - level
    verdict: Verdict = "fail" if rejected or empty else "inconclusive" if told.strength.weak else "pass"
    details = {"level": level, "estimate": told.fitted.value, "rows": _rows(told, level), "empty": empty}
    return Check(NAME, verdict, _words(told, verdict, empty, rejected), test.statistic, test.p_value, details)


def _words(told: Instrumental, verdict: Verdict, empty: bool, rejected: bool) -> str:
    test = told.overidentification
    assert test.statistic is not None
    assert test.p_value is not None
    found = (
        f"J = {number(test.statistic)} with {counted(int(test.df or 0), 'degree')} of freedom, p = {test.p_value:.3f}"
    )
    if verdict == "fail":
        none = " No effect at all agrees with all of them (the Anderson-Rubin set is empty)." if empty else ""
        what = f"The {len(told.names)} instruments disagree" if rejected else "The J test rejects nothing, but"
        return (
            f"{what} ({found}).{none} One of them is not valid, or those whom they move have different effects: say which one to trust, and "
            "why."
        )
    weak = " But they are weak, and such a test sees little." if verdict == "inconclusive" else ""
    return f"The {len(told.names)} instruments agree ({found}).{weak} They may all be wrong in the same way: that is not tested."


def _rows(told: Instrumental, level: float) -> list[dict[str, Any]]:
    """The estimate by each instrument alone."""
    rows = []
    for name, found in told.alone:
        interval = Estimate(found.value, found.std_error, found.df).interval(level)
        assert interval is not None
        low, high = interval
        rows.append({"name": name, "estimate": found.value, "std_error": found.std_error, "low": low, "high": high})
    return rows
